workflow "w" { # ERROR: this block is never closed
  task "a" {
    command = ["true"]
}
