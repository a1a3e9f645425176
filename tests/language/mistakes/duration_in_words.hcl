workflow "daily" {
  task "extract" {
    command = ["true"]
    timeout = "5 minutes"
  }
}
