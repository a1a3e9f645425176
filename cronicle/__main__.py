"""`python -m cronicle` is the `cronicle` command."""

from cronicle.cli.app import main

main()
