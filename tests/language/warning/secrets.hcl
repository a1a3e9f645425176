secret "token" {
  env = "TOKEN"
}

workflow "w" {
  task "a" {
    command = ["curl", "-u", secret.token] # WARNING: secret.token stands in a command
    stdin   = [secret.token]
    env     = { TOKEN = secret.token }
  }
}
