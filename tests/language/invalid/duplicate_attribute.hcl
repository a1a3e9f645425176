workflow "w" {
  task "a" {
    command = ["true"]
    command = ["false"] # ERROR: command
  }
}
