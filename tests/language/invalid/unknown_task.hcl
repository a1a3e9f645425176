workflow "daily" {
  task "extract" {
    command = ["true"]
  }
  task "summarise" {
    command    = ["true"]
    depends_on = [task.extrat] # ERROR: unknown task "extrat"
  }
}
