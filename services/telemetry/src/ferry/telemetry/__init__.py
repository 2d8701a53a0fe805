"""Delivers readings from the stream, in each sensor's order, to the cloud or to the dead letters."""
