"""Telemetry's domain in a world drawn from a seed: several replicas in one process, under a virtual clock."""
