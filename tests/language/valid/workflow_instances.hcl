# A workflow with for_each: everything in it may say each.key and each.value.
variable "regions" {
  type = map(object({ hour = number, zone = optional(string, "UTC"), tables = optional(list(string), ["orders"]) }))
  default = {
    eu          = { hour = 2, zone = "Europe/Vienna" }
    "asia/日本 1" = { hour = 14, tables = ["orders", "visits"] }
  }
}

locals {
  greeting = "sync of ${each.key} at ${run.date}"
}

workflow "sync" {
  for_each    = var.regions
  description = "Synchronise ${each.key}"
  owner       = "team-${each.key}"
  tags        = ["region", each.key]

  schedule {
    cron     = "30 ${each.value.hour} * * *"
    timezone = each.value.zone
    jitter   = "${each.value.hour}m"
    params   = { tables = each.value.tables }
  }

  schedule "often" {
    cron    = "H * * * *"
    enabled = each.key == "eu"
  }

  overlap      = each.key == "eu" ? "skip" : "queue"
  queue_limit  = each.key == "eu" ? null : 3
  max_parallel = length(each.value.tables)
  priority     = each.value.hour
  lock         = "sync-${each.key}"
  late_after   = "${each.value.hour}h"

  param "tables" {
    type    = list(string)
    default = each.value.tables

    validation {
      condition     = length(param.tables) <= length(each.value.tables)
      error_message = "${each.key} has no more than ${length(each.value.tables)} tables."
    }
  }

  defaults {
    env = { REGION = each.key }
  }

  task "extract" {
    command = ["echo", each.key, local.greeting]
    timeout = "${each.value.hour}m"
    pool    = pool.db
  }

  task "table" { # its own each hides that of the workflow, which its for_each hands on
    for_each   = { for table in each.value.tables : table => { region = each.key } }
    depends_on = [task.extract]
    command    = ["echo", each.key, each.value.region]
  }

  task "check" {
    for_each = toset([for part in split(",", task.extract.output.parts) : "${each.key}-${part}"])
    command  = ["echo", each.value]
  }

  on_failure {
    command = ["./notify.sh", each.key, run.id]
    env     = { REGION = each.key }
  }

  on_late {
    script = "echo ${shellquote(each.key)}"
  }
}

workflow "report" {
  for_each = var.regions
  after    = [workflow.sync[each.key]]

  task "report" {
    command = ["echo", each.key]
  }
}

workflow "total" {
  after = [workflow.report, workflow.sync["eu"]]

  task "total" {
    command = ["true"]
  }
}

workflow "none" {
  for_each = toset([])

  task "never" {
    command = ["echo", each.key]
  }
}

workflow "gated" {
  requires = [workflow.sync, workflow.none]

  schedule {
    cron = "0 23 * * *"
  }

  task "gated" {
    command = ["true"]
  }
}

pool "db" {
  slots = 1
}

moved {
  from = workflow.sync["europe"]
  to   = workflow.sync["eu"]
}

moved {
  from = workflow.summary
  to   = workflow.report["eu"]
}

moved {
  from = workflow.sync.task.fetch
  to   = workflow.sync.task.extract
}
