workflow "daily" {
  schedule {
    cron = "@reboot"
  }
  task "t" {
    command = ["true"]
  }
}
