secret "token" {
  env = "TOKEN"
}
workflow "daily" {
  task "extract" {
    script = "curl -H ${secret.token}"
  }
}
