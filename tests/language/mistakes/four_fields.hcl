workflow "daily" {
  schedule {
    cron = "0 4 * *"
  }
  task "t" {
    command = ["true"]
  }
}
