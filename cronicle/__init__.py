"""Cronicle: distributed cron with job version control."""

__version__ = "0.1.0"
