"""`python -m ferry.otosense`."""

from ferry.otosense.app import lifespan
from ferry.otosense.settings import OtoSenseServiceSettings
from ferry.runtime import service


def main() -> None:
    service.run("otosense", OtoSenseServiceSettings, lifespan)


if __name__ == "__main__":
    main()
