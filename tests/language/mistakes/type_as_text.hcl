variable "station" {
  type    = "text"
  default = "x"
}
workflow "daily" {
  task "extract" {
    command = ["echo", var.station]
  }
}
