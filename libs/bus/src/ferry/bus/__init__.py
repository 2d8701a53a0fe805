"""The NATS client that Ferry's services and the publisher's library share."""
