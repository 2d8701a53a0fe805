"""Statuses and series as they arrive."""
