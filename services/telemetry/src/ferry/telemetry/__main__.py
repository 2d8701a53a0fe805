"""`python -m ferry.telemetry`."""

from ferry.runtime import signals

signals.end_at_once()

from ferry.runtime.process import run  # noqa: E402
from ferry.telemetry.app import lifespan  # noqa: E402 - these imports take a second
from ferry.telemetry.settings import Settings  # noqa: E402


def main() -> None:
    run("telemetry", Settings, lifespan, cloud="thingplus")


if __name__ == "__main__":
    main()
