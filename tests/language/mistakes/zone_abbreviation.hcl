workflow "daily" {
  schedule {
    cron     = "0 4 * * *"
    timezone = "PST"
  }
  task "t" {
    command = ["true"]
  }
}
