"""Data that changes by itself: the state of the services, polled."""
