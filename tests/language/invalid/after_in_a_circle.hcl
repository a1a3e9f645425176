workflow "a" {
  after = [workflow.c] # ERROR: workflows wait for each other in a circle
  task "t" {
    command = ["true"]
  }
}
workflow "b" {
  after = [workflow.a]
  task "t" {
    command = ["true"]
  }
}
workflow "c" {
  after = [workflow.b]
  task "t" {
    command = ["true"]
  }
}
