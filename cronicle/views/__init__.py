"""Records as values to show: what `--json` prints, what hooks read, what the web will serve."""
