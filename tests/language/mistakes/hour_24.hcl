workflow "daily" {
  schedule {
    cron = "0 24 * * *"
  }
  task "t" {
    command = ["true"]
  }
}
