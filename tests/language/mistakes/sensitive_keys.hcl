variable "tokens" {
  type      = map(string)
  sensitive = true
  default   = null
}

workflow "sync" {
  task "pull" {
    for_each = coalesce(var.tokens, {})
    command  = ["./pull.sh", each.key]
    env      = { TOKEN = each.value }
  }
}
