secret "none" {} # ERROR: secret "none" does not say where its value is

secret "two" { # ERROR: secret "two" has env and file
  env  = "A"
  file = "/b"
}

secret "relative" {
  file = "b" # ERROR: "b" is not an absolute path
}

secret "empty" {
  command = [] # ERROR: command is empty
}

secret "good" {
  env = "GOOD"
}

locals {
  copied = secret.good # ERROR: secret.good may not be used here
}

workflow "w" {
  task "a" {
    script = "echo ${secret.good}"  # ERROR: secret.good may not be used here
    when   = secret.good == "x"     # ERROR: secret.good may not be used here
    stdin  = "dir/${secret.good}"   # ERROR: secret.good is part of something else
    env    = { A = secret.goood }   # ERROR: unknown secret "goood"
  }
  task "b" {
    command  = ["true"]
    for_each = toset([secret.good]) # ERROR: secret.good may not be used here
  }
  on_failure {
    script = "echo ${secret.good}" # ERROR: secret.good may not be used here
  }
}
