# One workflow for each disk: disk["/"], disk["/srv"], … Each has its own history, pauses and hooks.

workflow "disk" {
  for_each    = var.disks
  description = "Fail, and so call the hook, where the disk of ${each.key} is fuller than it may be"
  overlap     = "skip"

  schedule {
    cron = "*/10 * * * *"
  }

  task "check" {
    command = ["./disk.sh", each.key, tostring(each.value)]
    timeout = "1m" # a network file system may hang
  }
}
