variable "n" {
  default = run.date # ERROR: run.date may not be used here
}
locals {
  day = run.date # ERROR: run.date may not be used here
  n   = var.n
}
workflow "w" {
  schedule {
    cron = "0 4 * * *"
    start = local.day
    end  = run.date # ERROR: run.date may not be used here
  }
  param "p" {
    default = run.id # ERROR: run.id may not be used here
  }
  task "a" {
    command       = ["true"]
    trigger_rule  = param.p                # ERROR: param.p may not be used here
    description   = previous.run.date      # ERROR: previous.run.date may not be used here
    tags          = [run.date]             # ERROR: run.date may not be used here
    env           = { for k in [run.date] : k => k } # ERROR: the names in env must be known when the DAG is drawn
  }
  task "b" {
    for_each = toset(["x"])
    command  = ["true"]
  }
  task "c" {
    command    = ["true"]
    depends_on = [task.b[run.date]] # ERROR: run.date may not be used here
  }
  on_failure {
    command = ["echo", task.a.output.x, previous.run.id] # ERROR: task.a.output.x may not be used here # ERROR: previous.run.id may not be used here
  }
}
