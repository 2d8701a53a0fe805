"""What a request stands for, and whether the gateway model allows it."""
