"""A file as plain data, with the position of each part."""
