"""Paths that Thing+ has and the sandbox does not: no delivery of readings needs them (docs/get-started/sandbox.md)."""

EXEMPT = {
    "/rules": "rules run inside the cloud, on readings that have arrived",
    "/tags": "tags arrange sensors in the portal's pages",
    "/timelines": "a timeline is what the portal shows of rules and statuses that have arrived",
    "/pushDevices": "these are phones to which the portal sends messages",
    "/controlActuator": "a command needs a gateway that listens over MQTT; over HTTPS none does",
    "/registerGatewayKey": "API keys are for gateways over MQTT",
    "/activateGatewayKey": "API keys are for gateways over MQTT",
    "/manageGateway": "a command needs a gateway that listens over MQTT; over HTTPS none does",
    "/oauth2/authorize": "the authorization code grant needs a browser; Ferry and the guide use the password grant",
}
_ROOT = "/v2"


def exempt_because(path: str) -> str | None:
    """The reason, or None for a path that Thing+ does not have either, as far as is public."""
    for prefix, reason in EXEMPT.items():
        at = _ROOT + prefix
        if path == at or path.startswith(f"{at}/"):
            return reason
    return None
