locals {
  all   = concat(local.some, ["c"])
  first = local.all[0]
}
locals {
  some = ["a", "b"]
}
workflow "w" {
  tags = local.all
  task "a" {
    for_each = toset(local.all)
    command  = ["echo", each.key, local.first, "${project.name}/${environment}"]
  }
}
