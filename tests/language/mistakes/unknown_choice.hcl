workflow "daily" {
  overlap = "forbid"
  task "t" {
    command = ["true"]
  }
}
