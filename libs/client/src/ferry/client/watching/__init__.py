"""Live traffic on the bus: readings, dead letters, events, deliveries."""
