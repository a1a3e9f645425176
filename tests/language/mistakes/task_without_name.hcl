workflow "daily" {
  task {
    command = ["true"]
  }
}
