locals {
  regions = toset(["eu", "us"])
}

workflow "a_list" {
  for_each = ["eu", "us"] # ERROR: unsuitable value for for_each
  task "t" {
    command = ["echo", each.kye] # ERROR: unknown attribute of each "kye"
  }
}

workflow "too_late" {
  for_each = toset([run.date]) # ERROR: run.date may not be used here
  task "t" {
    command = ["echo", each.key]
  }
}

workflow "of_itself" {
  for_each = { a = each.key } # ERROR: each.key may not be used here
  task "t" {
    command = ["true"]
  }
}

workflow "null" {
  for_each = null # ERROR: unsuitable value for for_each
  task "t" {
    command = ["true"]
  }
}

workflow "an_empty_key" {
  for_each = toset(["a", ""]) # ERROR: unsuitable value for for_each
  task "t" {
    command = ["true"]
  }
}

workflow "not_typed" {
  for_each = toset(["a\nb"]) # ERROR: unsuitable value for for_each
  task "t" {
    command = ["true"]
  }
}

workflow "not_seen" {
  for_each = { "gpj\u202eexe" = 1 } # ERROR: unsuitable value for for_each
  task "t" {
    command = ["true"]
  }
}

workflow "too_long" {
  for_each = toset([join("", [for i in range(256) : "x"])]) # ERROR: unsuitable value for for_each
  task "t" {
    command = ["true"]
  }
}

workflow "twice" {
  for_each = { for key in ["a", "a"] : key => 1 } # ERROR: duplicate key
  task "t" {
    command = ["true"]
  }
}

workflow "too_many" {
  for_each = toset([for i in range(10001) : tostring(i)]) # ERROR: unsuitable value for for_each
  task "t" {
    command = ["true"]
  }
}

workflow "in_all" {
  for_each = local.regions
  overlap  = each.key # ERROR: is no value of overlap
  task "t" {
    command = ["echo", each.valeu] # ERROR: unknown attribute of each "valeu"
  }
}

workflow "hidden" {
  for_each = local.regions
  task "t" {
    for_each = toset(["x"])
    command  = ["echo", each.key]
    timeout  = each.value # ERROR: each.value may not be used here
  }
}

workflow "sync" {
  for_each = local.regions
  task "t" {
    command = ["true"]
  }
}

workflow "alone" {
  task "t" {
    command = ["echo", each.key] # ERROR: each.key in a task without for_each
  }
}

workflow "unknown_instance" {
  after = [workflow.sync["asia"]] # ERROR: workflow "sync" has no instance "asia"
  task "t" {
    command = ["true"]
  }
}

workflow "no_instances" {
  requires = [workflow.alone["x"]] # ERROR: workflow "alone" has no instances
  task "t" {
    command = ["true"]
  }
}

workflow "unknown_key" {
  after = [workflow.sync[run.id]] # ERROR: run.id may not be used here
  task "t" {
    command = ["true"]
  }
}

workflow "a_number" {
  after = [workflow.sync[1]] # ERROR: the key of an instance must be known
  task "t" {
    command = ["true"]
  }
}

workflow "of_all" {
  for_each = local.regions
  requires = [workflow.of_all] # ERROR: requires itself
  task "t" {
    command = ["true"]
  }
}

moved {
  from = workflow.sync["asia"]
  to   = workflow.sync["usa"] # ERROR: workflow "sync" has no instance "usa"
}

moved {
  from = workflow.sync["eu"] # ERROR: workflow.sync["eu"] is still declared
  to   = workflow.sync["us"]
}

moved {
  from = workflow.sync["eu"].task.t # ERROR: from must name a workflow or a task
  to   = workflow.sync.task.t
}
