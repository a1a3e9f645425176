workflow "disk" {
  description = "Fail, and so call the hook, where the disk is fuller than it may be"
  overlap     = "skip"

  schedule {
    cron = "*/10 * * * *"
  }

  task "check" {
    command = ["./disk.sh", var.disk, tostring(var.disk_limit)]
    timeout = "1m" # a network file system may hang
  }
}
