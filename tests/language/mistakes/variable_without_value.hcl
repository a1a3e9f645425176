variable "station" {
  type = string
}
workflow "daily" {
  task "extract" {
    command = ["echo", var.station]
  }
}
