workflow "daily" {
  task "extract" {
    command = ["true"]
    retry   = 3
  }
}
