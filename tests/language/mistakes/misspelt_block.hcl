workflow "daily" {
  taks "t" {
    command = ["true"]
  }
}
