variable "none" { # ERROR: variable "none" has no value
  type = number
}
variable "wrong" {
  type    = number
  default = "many" # ERROR: unsuitable value for variable "wrong"
}
variable "null" {
  nullable = false
  default  = null # ERROR: variable "null" may not be null
}
variable "small" {
  default = 3
  validation {
    condition     = var.small > 5 # ERROR: value of variable "small" is not valid
    error_message = "It must be more than 5."
  }
}
variable "other" {
  default = 3
  validation {
    condition     = var.small > 5 # ERROR: var.small may not be used here
    error_message = "No."
  }
}
variable "small" { # ERROR: variable "small" is declared twice
  default = 1
}
locals {
  a = 1
  all = [var.none, var.wrong, var.null, var.small, var.other]
}
locals {
  a = 2 # ERROR: local "a" is defined twice
}
