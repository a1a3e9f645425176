workflow "w" {
  task "a" {
    command    = ["true"]
    depends_on = [task.c] # ERROR: tasks wait for each other in a circle: a → c → b → a
  }
  task "b" {
    command = ["echo", task.a.output.x]
  }
  task "c" {
    command    = ["true"]
    depends_on = [task.b]
  }
}
