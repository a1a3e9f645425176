variable "unused" { # WARNING: variable "unused" is not used
  default = ""
}
variable "name" {
  default = "x"
}
variable "count" {
  type    = number
  default = 3
}
workflow "w" {
  schedule { # WARNING: schedule has no tick # WARNING: schedule gives no value for parameter p, q
    cron = "0 0 30 2 *"
  }
  schedule "short" { # WARNING: schedule has no tick between its start and end # WARNING: schedule gives no value for parameter p, q
    cron  = "0 0 1 1 *"
    start = "2020-02-01"
    end   = "2020-12-01"
  }
  schedule "ended" {
    cron = "0 0 1 1 *"
    end  = "2016-01-01"
    params = { p = "x", q = "y" }
  }
  on_late { # WARNING: on_late is never told
    command = ["true"]
  }
  schedule "half" { # WARNING: schedule gives no value for parameter q
    cron   = "0 0 1 1 *"
    params = { p = "x" }
  }
  param "p" {
  }
  param "q" {
  }
  on_failure {
    script = "echo ${param.p}" # WARNING: param.p stands unquoted in a script
  }
  task "a" {
    command = ["true"]
    inputs  = ["*.go"] # WARNING: no file matches "*.go"
  }
  task "b" {
    for_each = toset(["x"])
    script   = <<-EOT
      echo ${var.name} # WARNING: var.name stands unquoted in a script
      echo ${param.p} # WARNING: param.p stands unquoted in a script
      echo ${upper(each.key)} # WARNING: each.key stands unquoted in a script
      echo ${task.a.output.x} # WARNING: task.a.output.x stands unquoted in a script
      echo ${var.count} ${run.date} ${shellquote(var.name)} ${shellquote(task.a.output.x)}
    EOT
  }
}
prepare "unused" { # WARNING: prepare "unused" is not used # WARNING: prepare "unused" names no file
  command = ["true"]
}
prepare "without" { # WARNING: prepare "without" names no file
  script = "make tool"
}
prepare "quoted" {
  script = "echo ${var.name}" # WARNING: var.name stands unquoted in a script
  inputs = ["*.lock"]         # WARNING: no file matches "*.lock"
}
workflow "prepared" {
  task "t" {
    command = ["${prepare.quoted.path}/bin/tool", prepare.without.path]
  }
}
workflow "early" {
  schedule {
    cron     = "0 4 * * *"
    timezone = "Europe/Vienna"
  }
  task "t" {
    command = ["true"]
  }
}
workflow "late" {
  schedule {
    cron = "0 12 * * *"
  }
  task "t" {
    command = ["true"]
  }
}
workflow "often" {
  schedule {
    every = "1h"
  }
  task "t" {
    command = ["true"]
  }
}
workflow "never" {
  after = [workflow.early, workflow.late] # WARNING: workflow.early and workflow.late never have the same logical time
  task "t" {
    command = ["true"]
  }
}
workflow "sometimes" {
  after = [workflow.early, workflow.often]
  task "t" {
    command = ["true"]
  }
}
