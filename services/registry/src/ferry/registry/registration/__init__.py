"""Registers entities at the cloud and in the bucket."""
