"""Failures that a user reads, and how rejected values are shown."""
