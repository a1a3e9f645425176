workflow "daily" {
  task "extract" {
    command = ["true"]
    workdir = "../elsewhere"
  }
}
