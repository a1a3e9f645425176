workflow "daily" {
  task "extract" {
    count   = 3
    command = ["true"]
  }
}
