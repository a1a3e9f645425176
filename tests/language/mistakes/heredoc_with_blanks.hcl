workflow "daily" {
  task "extract" {
    script = <<EOT  
      true
    EOT
  }
}
