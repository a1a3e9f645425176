"""Services on trio that drive runs: an owner process, the drivers of its runs and backfills, and recovery.

The engine performs what the pure parts decide. A branch here that needs more than one fake to be tested belongs
into `cronicle.runs`.
"""
