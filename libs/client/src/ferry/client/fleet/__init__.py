"""The fleet as one file: read, compared with what is registered, applied."""
