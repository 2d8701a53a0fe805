"""How a reading gets onto the stream: lanes keep each sensor's order, a store keeps what is not confirmed yet."""
