variable "station" {
  default = "seattle"
}

locals {
  measures = ["rain"]
}

workflow "w" {
  param "mode" {
    default = "fast"
  }
  task "a" {
    command = [
      var.statoin,      # ERROR: unknown variable "statoin"
      local.measure,    # ERROR: unknown local "measure"
      param.mod,        # ERROR: unknown parameter "mod"
      run.tiem,         # ERROR: unknown attribute of run "tiem"
      run.interval.strt, # ERROR: unknown attribute of run.interval "strt"
      each.key,         # ERROR: each.key in a task without for_each
      attempt.numbr,    # ERROR: unknown attribute of attempt "numbr"
      project.nam,      # ERROR: unknown attribute of project "nam"
      environment.name, # ERROR: environment has no attributes
      nothing.x,        # ERROR: unknown name "nothing"
      previous,         # ERROR: previous alone means nothing
      previous.rnu.time, # ERROR: previous.rnu.time alone means nothing
      previous.run.tiem, # ERROR: unknown attribute of run "tiem"
      previous.run,     # ERROR: previous.run alone means nothing
      previous.task,    # ERROR: previous.task alone means nothing
      previous.task.x.output.n, # ERROR: unknown task "x"
      previous.task.b.stdout, # ERROR: unknown attribute "stdout"
      secret.token,     # ERROR: unknown secret "token"
      var,              # ERROR: var alone means nothing
      task,             # ERROR: task alone means nothing
      var.station,
    ]
  }
  task "b" {
    command = ["echo", task.a.outputs.x, task.a["k"].output.x] # ERROR: unknown attribute of a task "outputs" # ERROR: task "a" has no instances
  }
  task "c" {
    for_each = toset(local.measures)
    command  = ["echo", each.kee] # ERROR: unknown attribute of each "kee"
  }
  task "d" {
    command    = ["echo", task.c.output.x]           # ERROR: task "c" has several instances
    env        = { A = task.c["snow"].output.x }     # ERROR: task "c" has no instance "snow"
    depends_on = [task.c["sun"]]                     # ERROR: task "c" has no instance "sun"
    when       = attempt.number == 1                 # ERROR: attempt.number may not be used here
  }
  task "e" {
    for_each = { a = each.key } # ERROR: each.key may not be used here
    command  = ["echo"]
  }
}
