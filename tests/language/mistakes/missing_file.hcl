workflow "daily" {
  task "extract" {
    command = ["cat"]
    env     = { A = file("nothing.txt") }
  }
}
