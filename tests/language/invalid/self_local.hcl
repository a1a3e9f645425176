locals {
  depth = local.depth + 1 # ERROR: local.depth refers to itself
}
