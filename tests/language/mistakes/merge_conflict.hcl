workflow "daily" {
<<<<<<< HEAD
  task "a" {
=======
  task "b" {
>>>>>>> other
    command = ["true"]
  }
}
