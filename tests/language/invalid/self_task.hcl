workflow "w" {
  task "a" {
    command    = ["echo", task.a.output.x] # ERROR: task "a" refers to itself
  }
  task "b" {
    command    = ["true"]
    depends_on = [task.b] # ERROR: task "b" refers to itself
  }
}
