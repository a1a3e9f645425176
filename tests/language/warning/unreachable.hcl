workflow "w" {
  task "never" { # WARNING: task "never" is never executed: its condition is false in every run
    command = ["true"]
    when    = 1 > 2
  }
  task "below" {
    depends_on = [task.never]
    command    = ["true"]
  }
  task "anyway" {
    depends_on   = [task.below]
    trigger_rule = "all_done"
    command      = ["true"]
  }
  task "tolerant" {
    command       = ["false"]
    allow_failure = true
  }
  task "handler" { # WARNING: task "handler" is never executed: none of the tasks above can fail
    depends_on   = [task.tolerant]
    trigger_rule = "any_failed"
    command      = ["true"]
  }
  task "alarm" {
    depends_on   = [task.tolerant, task.handler]
    trigger_rule = "any_failed"
    command      = ["true"]
  }
  task "strict" {
    depends_on    = [task.anyway]
    command       = ["false"]
    allow_failure = true
  }
  task "after_strict" {
    depends_on   = [task.strict]
    trigger_rule = "any_failed"
    command      = ["true"]
  }
  task "sometimes" {
    command = ["true"]
    when    = run.date == "2026-11-26"
  }
}
