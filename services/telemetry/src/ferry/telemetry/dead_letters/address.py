"""The gateway and sensor that a dead letter belongs to."""


def address_of(subject: str) -> tuple[str | None, str | None]:
    """Gateway and sensor of a published subject, also of one that the contract does not have."""
    tokens = subject.split(".")
    gateway = tokens[3] if len(tokens) > 3 else None  # noqa: PLR2004 - ferry.v1.gateways.<gateway>
    sensor = tokens[5] if len(tokens) > 5 and tokens[4] == "sensors" else None  # noqa: PLR2004
    return gateway, sensor
