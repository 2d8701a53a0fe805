"""Actions that operators start, and their progress."""
