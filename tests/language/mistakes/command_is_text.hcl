workflow "daily" {
  task "extract" {
    command = "python3 extract.py"
  }
}
