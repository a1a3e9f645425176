"""Where all state is kept: projects, deployments, runs, their events, backfills and owners.

`interface` is what the rest of the program sees; a backend is chosen by `cronicle.store.location`.
"""
