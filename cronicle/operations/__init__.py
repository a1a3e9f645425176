"""What a user can ask for, a verb a file: the decisions of the pure parts, carried out on store, git and files."""
