workflow "playground" {
  description = "Make a small database and a log that has grown, to try the others with"

  task "make" {
    command = ["python3", "playground.py"]
  }
}
