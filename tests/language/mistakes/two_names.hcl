workflow "daily" {
  task "a" "b" {
    command = ["true"]
  }
}
