project "p" {
  timezone         = "Mars"     # ERROR: unknown time zone
  required_version = "new"      # ERROR: not a constraint on versions
  default_environment = "a b"   # ERROR: "a b" is not a name
  git {
    branch = "main"             # ERROR: "branch" is not in this version yet
  }
}
workflow "w" {
  on_deploy_failed { # ERROR: unknown block "on_deploy_failed"
  }
  descripton = ""  # ERROR: unknown attribute "descripton"
  param "mode" {
    type    = strng # ERROR: there is no type "strng"
  }
  param "level" {
    type    = number
    one_of  = [1, 2]
    default = 3 # ERROR: default is not among one_of
  }
  param "empty" {
    one_of = [] # ERROR: one_of must be a list of values
  }
  on_failure {
    command = ["true"]
    causes  = ["manul"] # ERROR: "manul" is no cause of a run
  }
  task "a" {
    command = ["true"]
  }
}
workflow "empty" { # ERROR: workflow lacks a block task
}
