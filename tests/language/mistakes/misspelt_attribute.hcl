workflow "daily" {
  task "extract" {
    comand = ["true"]
  }
}
