locals {
  a = local.b # ERROR: locals refer to each other in a circle
  b = "${local.c}!"
  c = upper(local.a)
}
