workflow "load" {
  runbook              = "docs/night.md" # ERROR: there is no file "docs/night.md"
  overlap              = "que" # ERROR: "que" is no value of overlap
  queue_limit          = 3     # ERROR: queue_limit with overlap = "allow"
  max_active_runs      = 0     # ERROR: unsuitable value for max_active_runs
  start_within         = "0s"  # ERROR: start_within must be longer than nothing
  late_after           = "soon" # ERROR: 'soon' is not a duration
  pause_after_failures = 1.5   # ERROR: unsuitable value for pause_after_failures
  priority             = "high" # ERROR: unsuitable value for priority
  lock                 = task.t.output.key # ERROR: task.t.output.key may not be used here
  after_state          = "failed" # ERROR: after_state without after
  requires             = [workflow.load] # ERROR: workflow "load" requires itself
  schedule {
    cron = "0 4 * * *"
  }
  task "t" {
    command = ["true"]
    lock    = attempt.number # ERROR: attempt.number may not be used here
    wait {
      every      = "0s"   # ERROR: every must be longer than nothing
      not_yet    = 0      # ERROR: unsuitable value for not_yet
      on_timeout = "skp"  # ERROR: "skp" is no value of on_timeout
    }
  }
}
workflow "report" {
  after       = [workflow.laod, "load"] # ERROR: unknown workflow "laod" # ERROR: after must name workflows
  requires    = workflow.load           # ERROR: requires must be a list of workflows
  after_state = "ended"                 # ERROR: "ended" is no value of after_state
  task "t" {
    command = ["true"]
  }
}
workflow "none" {
  after = [] # ERROR: after is empty
  task "t" {
    command = ["true"]
  }
}
workflow "both" {
  after = [workflow.load] # ERROR: after excludes schedule
  schedule {
    cron = "0 4 * * *"
  }
  on_pause {
    command = ["echo", run.id] # ERROR: run.id may not be used here
  }
  on_failure {
    command = ["true"]
    after   = 0 # ERROR: unsuitable value for after
  }
  on_success {
    command = ["true"]
    after   = 2 # ERROR: unknown attribute "after"
  }
  pause_after_failures = 3
  task "t" {
    command = ["true"]
  }
}
