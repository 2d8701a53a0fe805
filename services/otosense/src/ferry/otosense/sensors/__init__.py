"""A sensor's life here, without a transport: claimed, followed, checked, given up."""
