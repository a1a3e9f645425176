workflow "w" {
  schedule {
    cron     = ["0 4 * * *", "61 * * * *"] # ERROR: the minute field
    timezone = "Europe/Wien"               # ERROR: unknown time zone
    catchup  = "al"                        # ERROR: "al" is no value of catchup
  }
  schedule { # ERROR: schedule does not say when
  }
  schedule "x" {
    every = "0s" # ERROR: every must be longer than nothing
  }
  schedule "y" {
    at    = ["2026-03-08", "noon"] # ERROR: 'noon' is not a time
    start = "2026-01-01"
    end   = "2025-01-01" # ERROR: end is not after start
  }
  schedule "y" { # ERROR: schedule "y" is declared twice
    every = "1h"
  }
  task "t" {
    command = ["true"]
  }
}
workflow "v" {
  schedule {
    cron    = "0 4 * * *"
    catchup = "all"
  }
  schedule {
    cron    = "0 5 * * *"
    catchup = "latest" # ERROR: schedules of one series disagree on catchup
  }
  task "t" {
    command = ["true"]
  }
}
