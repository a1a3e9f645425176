workflow "w" {
  # ERROR+2: heredoc `EOT` is never closed
  task "a" {
    script = <<-EOT
      echo
  }
}
