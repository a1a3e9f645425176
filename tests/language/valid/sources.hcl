variable "ref" {
  default = "v1.4"
}
locals {
  host = "git@git.example.org"
  lib  = substr(source.lib.revision, 0, 12)
}
source "lib" {
  git      = "${local.host}:data/jobs.git"
  ref      = var.ref
  subdir   = "nightly/"
  key_file = "~/.ssh/deploy_key"
}
workflow "w" {
  defaults {
    source = source.lib
  }
  task "theirs" {
    command = ["python3", "extract.py", local.lib]
    workdir = "sub"
    stdin   = "data.txt"
    inputs  = ["*.py"]
    env     = { REVISION = source.lib.revision }
  }
  task "ours" {
    source  = null
    command = ["python3", "report.py"]
  }
}
