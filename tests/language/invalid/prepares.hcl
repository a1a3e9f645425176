secret "token" {
  env = "TOKEN"
}

prepare "nothing" {} # ERROR: prepare "nothing" does not say what to execute

prepare "both" {
  command = ["make"]
  script  = "make" # ERROR: prepare "both" has both command and script
}

prepare "empty" {
  command = [] # ERROR: command is empty
  timeout = "0s" # ERROR: timeout must be longer than nothing
  inputs  = ["../lock"] # ERROR: "../lock" is not a pattern of files
  retry   = 3 # ERROR: unknown attribute "retry"
}

prepare "one" {
  script = "make ${prepare.two.path}" # ERROR: prepare.two.path may not be used here
}

prepare "two" {
  script = "make ${run.id}"               # ERROR: run.id may not be used here
  env    = { A = secret.token, B = task.a.output.x } # ERROR: secret.token may not be used here # ERROR: task.a.output.x may not be used here
}

prepare "two" { # ERROR: preparation "two" is declared twice
  command = ["make"]
}

prepare "no name" { # ERROR: "no name" is not a name
  command = ["make"]
}

locals {
  tool = prepare.thre.path # ERROR: unknown preparation "thre"
}

workflow "w" {
  task "a" {
    command = [
      prepare.tow.path,     # ERROR: unknown preparation "tow"
      prepare.two,          # ERROR: prepare.two alone means nothing
      prepare,              # ERROR: prepare alone means nothing
      prepare.two.pth,      # ERROR: unknown attribute of a preparation "pth"
      prepare["two"].path,
    ]
    interpreter = [prepare.two.path] # ERROR: prepare.two.path may not be used here
    workdir     = prepare.two.path # ERROR: prepare.two.path may not be used here
    when        = prepare.two.path == "x" # ERROR: prepare.two.path may not be used here
    lock        = prepare.two.path # ERROR: prepare.two.path may not be used here
  }
  task "b" {
    command  = ["true"]
    for_each = toset([prepare.two.path]) # ERROR: prepare.two.path may not be used here
  }
  schedule {
    cron = prepare.two.path # ERROR: prepare.two.path may not be used here
  }
  on_failure {
    command = ["${prepare.two.path}/notify"] # ERROR: prepare.two.path may not be used here
  }
}
