workflow "daily" {
  task "extract" {
    script = "echo ${HOME}"
  }
}
