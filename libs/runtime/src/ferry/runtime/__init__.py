"""How every Ferry service starts, answers requests, is monitored and stops."""
