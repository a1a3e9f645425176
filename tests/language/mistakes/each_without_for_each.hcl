workflow "daily" {
  task "extract" {
    command = ["echo", each.key]
  }
}
