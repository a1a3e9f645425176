workflow "daily" {
  task "extract" {
    for_each = ["a", "b"]
    command  = ["echo", each.key]
  }
}
