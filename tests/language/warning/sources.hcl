source "used" {
  git = "https://git.example.org/jobs.git"
}
source "named" {
  git = "../jobs"
}
source "unused" { # WARNING: source "unused" is not used
  git = "ssh://git@git.example.org:2222/jobs.git"
}

workflow "w" {
  task "a" {
    command = ["nightly", source.named.revision]
    source  = source.used
    workdir = "not/looked/for/yet"
    inputs  = ["*.nobody.knows"]
  }
}
