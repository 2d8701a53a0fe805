"""`python -m ferry.telemetry`."""

from ferry.runtime.service import run
from ferry.telemetry.app import lifespan
from ferry.telemetry.settings import Settings


def main() -> None:
    run("telemetry", Settings, lifespan)


if __name__ == "__main__":
    main()
