"""The `cronicle` command: options in, one call of `cronicle.operations` or `cronicle.engine`, text or JSON out."""
