"""`ferry otosense`: motor sensors and their certificates."""
