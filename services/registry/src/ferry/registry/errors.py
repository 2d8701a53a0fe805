"""Errors of the bucket, for code that does not use it directly."""


class ConflictError(Exception):
    """Somebody else wrote the key meanwhile."""


class TooLargeError(Exception):
    """The bucket takes no value of that size."""
