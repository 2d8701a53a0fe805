"""Applies a plan at the rate that the cloud accepts."""
