workflow "daily" {
  task "extract" {
    command = ["echo", timestamp()]
  }
}
