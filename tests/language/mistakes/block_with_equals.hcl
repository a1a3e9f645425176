workflow "daily" = {
  task "t" {
    command = ["true"]
  }
}
