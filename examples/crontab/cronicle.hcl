# What many people have in a crontab, as workflows:
#
#   30 2 * * *    backup   copy a SQLite database, test the copy, remove old ones     backup.hcl
#   15 * * * *    logs     move log files aside that have grown, compress them        logs.hcl
#   */10 * * * *  disk     is there room on each disk?                                disk.hcl
#
# And `playground`, without a schedule, which makes a database and a log to try all that with.

project "crontab" {
  timezone = "UTC"

  # What MAILTO is in a crontab: executed whenever a run of any workflow here has failed.
  on_failure {
    command = ["./tell.sh", run.id]
  }

  retention {
    logs     = "90d"
    run_data = "7d"
  }
}

variable "database" {
  description = "The SQLite database that is backed up; a relative path is one below $CRONICLE_DATA"
  type        = string
  default     = "app.sqlite3"
}

variable "logs" {
  description = "The folder with the log files that are rotated; a relative path is one below $CRONICLE_DATA"
  type        = string
  default     = "logs"
}

variable "disks" {
  description = "Disks that must have room, by a folder on each, and how full they may be, in percent"
  type        = map(number)
  default     = { "/" = 100 }
}
