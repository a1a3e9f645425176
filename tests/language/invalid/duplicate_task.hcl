workflow "w" {
  task "a" {
    command = ["true"]
  }
  task "a" { # ERROR: task "a" is declared twice
    command = ["true"]
  }
}
