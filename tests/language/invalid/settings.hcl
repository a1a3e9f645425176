project "p" {
  heartbeat {
    every   = "0s" # ERROR: every must be longer than nothing
    command = []   # ERROR: command is empty
  }
  retention {
    logs       = "long" # ERROR: 'long' is not a duration
    total_size = "big"  # ERROR: 'big' is not a size
    run_date   = "1d"   # ERROR: unknown attribute "run_date"

    prepared      = "0s"    # ERROR: prepared must be longer than nothing
    prepared_size = "much"  # ERROR: 'much' is not a size
  }
  require_signed = 3 # ERROR: require_signed is neither true, false nor a file of the project
  git {
    remote   = "ext::sh -c id" # ERROR: "ext::sh -c id" is no address of a repository
    key_file = "deploy_key"    # ERROR: "deploy_key" is not an absolute path
    push     = "often"         # ERROR: push
    branch   = "main"          # ERROR: "branch" is not in this version yet
  }
  on_failure {
    command = ["echo", param.mode] # ERROR: unknown parameter "mode"
  }
  on_deploy_failed {
    command = ["echo", run.id]  # ERROR: run.id may not be used here
    causes  = ["manual"]        # ERROR: unknown attribute "causes"
  }
}
