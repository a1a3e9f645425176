workflow "w" {
  param "day" {
    type    = string
    default = "today"
    validation {
      condition     = can(regex("^[0-9]{4}-", param.day)) # ERROR: value of parameter "day" is not valid
      error_message = "It must be a date, and ${param.day} is none."
    }
  }
  param "count" {
    type    = number
    default = 3
    validation {
      condition     = param.day != "" # ERROR: param.day may not be used here
      error_message = "No."
    }
  }
  param "level" {
    type    = number
    default = 1
    validation {
      condition     = param.level < 3 # ERROR: value of parameter "level" is not valid
      error_message = "At most two."
    }
  }
  schedule {
    cron   = "0 0 * * *"
    params = { level = 5 }
  }
  task "t" {
    command = ["true"]
  }
}
