"""`python -m ferry.registry`."""

from ferry.runtime import signals

signals.end_at_once()

from ferry.registry.app import lifespan  # noqa: E402 - these imports take a second
from ferry.registry.settings import Settings  # noqa: E402
from ferry.runtime.process import run  # noqa: E402


def main() -> None:
    run("registry", Settings, lifespan, cloud="thingplus")


if __name__ == "__main__":
    main()
