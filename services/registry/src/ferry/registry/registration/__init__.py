"""How an entity comes to be at the cloud and in the bucket."""
