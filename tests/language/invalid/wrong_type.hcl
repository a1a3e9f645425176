workflow "w" {
  task "a" {
    command = "true" # ERROR: unsuitable value for command
    timeout = []     # ERROR: unsuitable value for timeout
    when    = "maybe" # ERROR: unsuitable value for when
    env     = ["A"]  # ERROR: unsuitable value for env
  }
}
