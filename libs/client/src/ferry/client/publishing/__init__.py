"""Gets readings onto the stream: lanes keep each sensor's order, a store keeps what is not confirmed."""
