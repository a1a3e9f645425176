variable "token" { # WARNING: the value of the sensitive variable "token" is in git
  type      = string
  sensitive = true
  default   = "swordfish"
}

locals {
  header = "Authorization: Bearer ${var.token}"
}

workflow "w" {
  task "a" {
    command = ["curl", "-H", local.header, run.date] # WARNING: var.token stands in a command
    env     = { TOKEN = var.token }
  }
  on_failure {
    command = ["tell", sensitive("x")] # WARNING: something sensitive stands in a command
  }
}
