"""Changes of registered entities: update, retire."""
