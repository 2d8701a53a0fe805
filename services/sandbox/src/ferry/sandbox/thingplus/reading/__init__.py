"""Lists, embedded entities and series as they are read."""
