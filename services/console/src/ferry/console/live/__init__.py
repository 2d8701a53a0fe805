"""What changes by itself: the suite's state, looked at now and then."""
