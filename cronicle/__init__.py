"""Cronicle: distributed cron with job version control."""
