"""What the cloud has, compared with what the bucket has."""
