workflow "daily" {
  on_deploy = yes
  task "t" {
    command = ["true"]
  }
}
