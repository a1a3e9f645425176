workflow "daily" {
  task "extract" {
    command = ["true"]
    env {
      A = "1"
    }
  }
}
