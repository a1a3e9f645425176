pool "db" {
  slots = 0 # ERROR: unsuitable value for slots
}
workflow "w" {
  task "nothing" { # ERROR: task "nothing" does not say what to execute
  }
  task "both" {
    command = ["true"]
    script  = "true" # ERROR: task "both" has both command and script
  }
  task "edges" {
    command    = []                       # ERROR: command is empty
    depends_on = ["both", task.both.output] # ERROR: depends_on must name tasks # ERROR: depends_on must name tasks
  }
  task "edge" {
    command    = ["true"]
    depends_on = task.both # ERROR: depends_on must be a list of tasks
  }
  task "list" {
    for_each = ["a"] # ERROR: unsuitable value for for_each
    command  = ["true"]
  }
  task "numbers" {
    for_each = toset([1, 2]) # ERROR: unsuitable value for for_each
    command  = ["true"]
  }
  task "alone" { # ERROR: trigger_rule "any_failed" in a task that waits for none
    command      = ["true"]
    trigger_rule = "any_failed"
  }
  task "words" {
    command        = ["true"]
    trigger_rule   = "all_suceeded" # ERROR: "all_suceeded" is no value of trigger_rule
    on_lost        = "repeat"       # ERROR: "repeat" is no value of on_lost
    produces       = ["../x", "/etc/*", "a/../../${run.date}", "."] # ERROR: produces "../x" leads out of $CRONICLE_DATA # ERROR: produces "/etc/*" leads out # ERROR: produces "a/../../…" leads out # ERROR: produces names no file
    reuse          = "always"       # ERROR: reuse
    rerun          = "once"         # ERROR: "once" is no value of rerun
    interpreter    = []             # ERROR: interpreter is empty
    stdin          = ["/etc/passwd"] # ERROR: stdin "/etc/passwd" leads out of the project's folder
    workdir        = "../other"     # ERROR: workdir "../other" leads out of the project's folder
    inputs         = ["/etc/*"]     # ERROR: "/etc/*" is not a pattern of files
    pool           = pool.bd        # ERROR: unknown pool "bd"
    skip_exit_code = 256            # ERROR: unsuitable value for skip_exit_code
    timeout        = "0s"           # ERROR: timeout must be longer than nothing
    grace_period   = "soon"         # ERROR: 'soon' is not a duration
    env            = { "A=B" = "" } # ERROR: "A=B" cannot name an environment variable
    retry {
      attempts      = 0     # ERROR: unsuitable value for attempts
      backoff       = 0.5   # ERROR: unsuitable value for backoff
      on_exit_codes = [0]   # ERROR: not an exit code of a failure
    }
    limits {
      log_size = "much" # ERROR: 'much' is not a size
    }
  }
  task "enormous" {
    command = ["true"]
    retry {
      backoff = 1e400 # ERROR: unsuitable value for backoff
    }
  }
  task "elsewhere" {
    command = ["true"]
    workdir = "missing" # ERROR: there is no folder "missing"
    pool    = "db"      # ERROR: pool must name a pool
    runs_on = ["gpu", "a gpu", ""] # ERROR: "a gpu" is not a label # ERROR: "" is not a label
  }
  task "when" {
    command = ["true"]
    runs_on = [run.date] # ERROR: run
  }
  task "not a name" { # ERROR: "not a name" is not a name
    command = ["true"]
  }
}
