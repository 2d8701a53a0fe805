"""`python -m ferry.otosense`."""

from ferry.runtime import signals

signals.end_at_once()

from ferry.otosense.app import lifespan  # noqa: E402 - these imports take a second
from ferry.otosense.settings import OtoSenseServiceSettings  # noqa: E402
from ferry.runtime.process import run  # noqa: E402


def main() -> None:
    run("otosense", OtoSenseServiceSettings, lifespan, cloud="otosense")


if __name__ == "__main__":
    main()
