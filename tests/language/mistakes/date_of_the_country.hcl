workflow "daily" {
  schedule {
    cron  = "0 4 * * *"
    start = "01/02/2026"
  }
  task "t" {
    command = ["true"]
  }
}
