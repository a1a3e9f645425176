workflow "daily" {
  task "extract" {
    command: ["true"]
  }
}
