"""What passes on the bus, as it passes: readings, dead letters, events, deliveries."""
