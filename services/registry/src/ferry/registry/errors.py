"""What can go wrong with the bucket, for those who do not speak to it themselves."""


class ConflictError(Exception):
    """Somebody else wrote the key meanwhile."""


class TooLargeError(Exception):
    """The bucket takes no value of that size."""
