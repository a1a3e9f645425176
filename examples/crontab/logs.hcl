workflow "logs" {
  description = "Move log files aside that have grown, compress them, remove the oldest"
  overlap     = "skip"

  schedule {
    cron = "15 * * * *"
  }

  task "rotate" {
    command = ["python3", "rotate_logs.py", "--folder", var.logs, "--larger-than", "1000000", "--keep", "8"]

    retry {
      attempts = 2
      delay    = "30s"
    }
  }
}
