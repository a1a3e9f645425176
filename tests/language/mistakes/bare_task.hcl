workflow "daily" {
  task "a" {
    command = ["true"]
  }
  task "b" {
    depends_on = [a]
    command    = ["true"]
  }
}
