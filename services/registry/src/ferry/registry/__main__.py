"""`python -m ferry.registry`."""

from ferry.registry.app import lifespan
from ferry.registry.settings import Settings
from ferry.runtime.service import run


def main() -> None:
    run("registry", Settings, lifespan)


if __name__ == "__main__":
    main()
