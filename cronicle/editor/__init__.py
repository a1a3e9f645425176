"""What an editor asks about HCL files: pure answers, and a language server that gives them."""
