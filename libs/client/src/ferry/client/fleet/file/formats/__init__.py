"""A file as plain data, and where in the file each part of it is."""
