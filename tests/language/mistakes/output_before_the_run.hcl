workflow "daily" {
  schedule {
    cron = task.a.output.cron
  }
  task "a" {
    command = ["true"]
  }
}
