variable "token" {
  type      = string
  sensitive = true
  default   = ""

  validation {
    condition     = !startswith(var.token, "x")
    error_message = "A token does not begin with x."
  }
}

variable "databases" {
  type      = map(object({ host = string, password = string }))
  sensitive = true
  default   = null
}

locals {
  databases = coalesce(var.databases, {})
  hosts     = { for name in nonsensitive(keys(local.databases)) : name => local.databases[name].password }
}

workflow "w" {
  task "a" {
    script = "test -n ${shellquote("${var.token}${run.date}")}"
    env    = { TOKEN = var.token, ENABLED = nonsensitive(var.token != "") ? "yes" : null }
    when   = nonsensitive(var.token) == ""
  }
  task "each" {
    for_each = local.hosts
    script   = "connect"
    env      = { PGPASSWORD = each.value }
  }
  on_failure {
    script = "tell ${shellquote(var.token)}"
    env    = { TOKEN = var.token }
  }
}
