"""NATS adapters: a bucket, a work queue, events."""
