workflow "daily" {
  schedule = "0 4 * * *"
  task "t" {
    command = ["true"]
  }
}
