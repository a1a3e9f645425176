variable "token" {
  sensitive = true
  default   = ""
}

variable "port" { # ERROR: unsuitable value for variable "port" (from default)
  type      = number
  sensitive = true
  default   = "no number"
}

variable "never" { # ERROR: variable "never" may not be null
  sensitive = true
  nullable  = false
  default   = null
}

variable "judged" {
  sensitive = true
  default   = ""
  validation {
    condition     = length(var.judged) > 3 # ERROR: value of variable "judged" is not valid
    error_message = "${var.judged} is too short."
  }
}

variable "asked" {
  sensitive = "perhaps" # ERROR: unsuitable value for sensitive
  default   = 1
}

locals {
  header = "Bearer ${var.token}"
  keys   = sensitive(["a"])
}

project "p" {
  heartbeat {
    every   = "1m"
    command = ["curl", var.token] # ERROR: command may not be sensitive
  }
}

calendar "off" {
  dates = [var.token] # ERROR: dates may not be sensitive
}

prepare "venv" {
  command = ["make", "venv", var.token] # ERROR: command may not be sensitive
  inputs  = []
}

workflow "w" {
  description = local.header   # ERROR: description may not be sensitive
  tags        = [var.token]    # ERROR: tags may not be sensitive
  lock        = "x${run.id}${var.token}" # ERROR: lock may not be sensitive
  timeout     = var.token      # ERROR: timeout may not be sensitive
  schedule {
    cron   = var.token            # ERROR: cron may not be sensitive
    params = { size = var.token } # ERROR: params may not be sensitive
  }
  schedule "often" {
    every   = "1h"
    enabled = var.token != "" # ERROR: enabled may not be sensitive
  }
  param "size" {
    default = var.token   # ERROR: default may not be sensitive
    one_of  = [var.token] # ERROR: one_of may not be sensitive
  }
  on_failure {
    command = ["true"]
    causes  = [var.token] # ERROR: causes may not be sensitive
  }
  task "a" {
    command     = ["true"]
    for_each    = toset(local.keys)    # ERROR: the keys of for_each may not be sensitive
    when        = var.token != ""      # ERROR: when may not be sensitive
    lock        = var.token            # ERROR: lock may not be sensitive
    stdin       = var.token            # ERROR: stdin may not be sensitive
    workdir     = var.token            # ERROR: workdir may not be sensitive
    inputs      = [var.token]          # ERROR: inputs may not be sensitive
    produces    = [var.token]          # ERROR: produces may not be sensitive
    interpreter = [var.token]          # ERROR: interpreter may not be sensitive
    env         = sensitive({ A = 1 }) # ERROR: the names in env may not be sensitive
    timeout     = var.token            # ERROR: timeout may not be sensitive
    retry {
      attempts = var.token # ERROR: attempts may not be sensitive
    }
  }
  task "b" {
    for_each = { a = var.token, b = run.date } # ERROR: for_each with sensitive values must be known
    command  = ["true"]
  }
  task "c" {
    depends_on = [task.a[local.header]] # ERROR: the key of an instance may not be sensitive
    command    = ["true"]
  }
}
