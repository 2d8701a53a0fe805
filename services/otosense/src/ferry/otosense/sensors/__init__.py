"""The life of a sensor, without a transport: claim, follow, check, forget."""
