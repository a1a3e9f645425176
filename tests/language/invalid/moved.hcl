workflow "now" {
  task "t" {
    command = ["true"]
  }
  task "u" {
    command = ["true"]
  }
}
moved {
  from = workflow.now  # ERROR: workflow.now is still declared
  to   = workflow.then
}
moved {
  from = workflow.old
  to   = workflow.new  # ERROR: unknown workflow "new"
}
moved {
  from = workflow.now.task.t # ERROR: workflow.now.task.t is still declared
  to   = workflow.now.task.u
}
moved {
  from = workflow.now.task.x
  to   = workflow.now.task.y # ERROR: unknown task "y"
}
moved {
  from = workflow.old.task.x
  to   = workflow.now.task.t # ERROR: workflow.old.task.x cannot become workflow.now.task.t
}
moved {
  from = workflow.now.task.x # ERROR: workflow.now.task.x is moved twice
  to   = workflow.now.task.t
}
moved {
  from = "now"         # ERROR: from must name a workflow or a task
  to   = workflow.now.tasks # ERROR: to must name a workflow or a task
}
moved { # ERROR: moved lacks to
  from = workflow.a
}
moved {
  from = workflow.c
  to   = workflow.d # ERROR: unknown workflow "d"
}
moved {
  from = workflow.d
  to   = workflow.c # ERROR: unknown workflow "c"
}
