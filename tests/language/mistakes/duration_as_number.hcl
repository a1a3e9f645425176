workflow "daily" {
  task "extract" {
    command = ["true"]
    timeout = 300
  }
}
