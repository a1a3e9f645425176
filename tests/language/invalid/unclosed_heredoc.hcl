workflow "w" { # ERROR: this block is never closed
  # ERROR+2: heredoc `EOT` is never closed
  task "a" { # ERROR: this block is never closed
    script = <<-EOT
      echo
  }
}
