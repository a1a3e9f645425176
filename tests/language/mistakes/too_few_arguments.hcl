workflow "daily" {
  task "extract" {
    command = ["echo", substr(run.date, 0)]
  }
}
