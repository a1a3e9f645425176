# copy ──▶ restore ──▶ rotate

workflow "backup" {
  description = "Copy the database while it is in use, restore the copy to see that it can be, remove old copies"
  overlap     = "skip" # should a night's copy take until the next night

  schedule {
    cron    = "30 2 * * *"
    catchup = "latest" # after a night in which the machine was off: once, as soon as it is on
  }

  task "copy" {
    command = ["python3", "backup.py", "copy", "--database", var.database, "--date", run.date]
    timeout = "1h"

    retry {
      attempts = 3
      delay    = "10s"
      backoff  = 3
    }
  }

  # A backup that nobody has restored is a hope.
  task "restore" {
    depends_on = [task.copy]
    command    = ["python3", "backup.py", "restore", "--date", run.date]
    timeout    = "1h"
  }

  # Only when the new one is known to be good.
  task "rotate" {
    depends_on = [task.restore]
    command    = ["python3", "backup.py", "rotate", "--days", "7", "--months", "12"]
  }
}
