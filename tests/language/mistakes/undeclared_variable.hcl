workflow "daily" {
  task "extract" {
    command = ["echo", var.station]
  }
}
