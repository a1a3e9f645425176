workflow "daily" {
  task "a" {
    command = ["true"]
  }
  task "b" {
    depends_on = task.a
    command    = ["true"]
  }
}
