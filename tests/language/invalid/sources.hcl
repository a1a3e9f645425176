variable "token" {
  default = "abc"
}
source "nowhere" {} # ERROR: source lacks git

source "ext" {
  git = "ext::sh -c true" # ERROR: "ext::sh -c true" is no address of a repository
}
source "option" {
  git = "-oProxyCommand=true" # ERROR: "-oProxyCommand=true" is no address of a repository
}
source "git_protocol" {
  git = "git://git.example.org/jobs" # ERROR: git:// is no way to fetch the code of tasks
}
source "http" {
  git = "http://git.example.org/jobs" # ERROR: http://git.example.org is not encrypted
}
source "password" { # ERROR: the address of git.example.org holds a user or a password
  git = "https://ana:secret@git.example.org/jobs"
}
source "token" { # ERROR: the address of git.example.org holds a user or a password
  git = "https://${var.token}@git.example.org/jobs"
}
source "query" { # ERROR: the address of git.example.org has a ? or # in it
  git = "https://git.example.org/jobs?private_token=abc"
}
source "ssh_password" { # ERROR: the address of git.example.org holds a password
  git = "ssh://git:secret@git.example.org/jobs"
}
source "nobody" {
  git = "git.example.org:jobs" # ERROR: the address of git.example.org does not say as whom to log in
}
source "refs" {
  git = "../jobs"
  ref = "HEAD~1" # ERROR: "HEAD~1" is not the name of a ref
}
source "message" {
  git = "../jobs"
  ref = ":/fix" # ERROR: ":/fix" is not the name of a ref
}
source "an_option" {
  git = "../jobs"
  ref = "--upload-pack=true" # ERROR: "--upload-pack=true" is not the name of a ref
}
source "out" {
  git    = "../jobs"
  subdir = "../.." # ERROR: subdir "../.." leads out of the repository
}
source "key" {
  git      = "git@git.example.org:jobs"
  key_file = "deploy_key" # ERROR: "deploy_key" is not an absolute path
}
source "key_for_https" {
  git      = "https://git.example.org/jobs"
  key_file = "/deploy_key" # ERROR: key_file is a key for ssh, and this is another address
}
source "circle" {
  git = "../${source.out.revision}" # ERROR: source.out.revision may not be used here
}
source "out" { # ERROR: source "out" is declared twice
  git = "../other"
}

workflow "w" {
  task "a" {
    command = ["true"]
    source  = source.oud # ERROR: unknown source "oud"
  }
  task "b" {
    command = ["true", source.out] # ERROR: source.out alone means nothing
    source  = "out"                # ERROR: source must name a source
  }
  task "c" {
    command = ["true", source.out.ref] # ERROR: unknown attribute of a source "ref"
  }
}
