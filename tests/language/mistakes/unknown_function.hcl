workflow "daily" {
  task "extract" {
    command = ["echo", uppercase(run.date)]
  }
}
