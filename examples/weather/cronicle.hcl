# This file marks the folder as a project. What it says holds for all .hcl files in it.

project "weather" {
  timezone = "America/Los_Angeles"
}

variable "station" {
  description = "Whose observations are read: data/STATION-weather.csv"
  type        = string
  default     = "seattle"
}

locals {
  measures = ["temperature", "rain", "wind"]
}
