workflow "daily" {
  task "extract" {
    command = ["echo", "${run.date"]
  }
}
