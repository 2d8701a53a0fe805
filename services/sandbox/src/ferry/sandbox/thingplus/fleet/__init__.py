"""Gateways, devices and sensors: what they are, how they come and change."""
