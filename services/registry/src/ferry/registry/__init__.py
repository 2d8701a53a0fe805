"""Knows gateways, devices and sensors, and registers them at Thing+."""
