"""Readings delivered: from the stream, in its sensor's order, to the cloud or to the dead letters."""
