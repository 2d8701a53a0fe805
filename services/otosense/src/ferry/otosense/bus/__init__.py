"""What the sensors' life needs of NATS: a bucket, a work queue, events."""
