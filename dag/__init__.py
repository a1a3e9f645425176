"""A general library of directed acyclic graphs: build, check, select, draw, and walk them concurrently."""
