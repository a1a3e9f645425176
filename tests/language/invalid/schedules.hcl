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
calendar "holidays" {
  dates    = ["2026-12-25", "2026-12-32"] # ERROR: '2026-12-32' is not a date
  weekdays = ["sun", "sunday"]            # ERROR: "sunday" is no day of the week
}
calendar "nothing" { # ERROR: calendar has no days
}
calendar "missing" {
  file = "holiday.txt" # ERROR: there is no file "holiday.txt"
}
calendar "outside" {
  file = "../holidays.txt" # ERROR: there is no file "../holidays.txt"
}
workflow "u" {
  param "mode" {
    one_of = ["fast", "slow"]
  }
  param "level" {
    type = number
  }
  schedule "a" {
    on     = "stop"            # ERROR: "stop" is no value of on
    only   = calendar.holydays # ERROR: unknown calendar "holydays"
    params = { modus = "x" }   # ERROR: unknown parameter "modus"
  }
  schedule "b" {
    cron    = "0 4 * * *"
    exclude = "holidays"                         # ERROR: exclude must name a calendar
    params  = { mode = "slower", level = "high" } # ERROR: unsuitable value for parameter "mode" # ERROR: unsuitable value for parameter "level"
  }
  schedule "c" {
    cron   = "0 4 * * *"
    params = ["fast"] # ERROR: params must be a map
  }
  task "t" {
    command = ["true"]
  }
}
