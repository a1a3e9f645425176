workflow "daily" {
  cron = "0 4 * * *"
  task "t" {
    command = ["true"]
  }
}
