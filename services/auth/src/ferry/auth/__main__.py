"""`python -m ferry.auth`."""

from ferry.auth.app import lifespan
from ferry.auth.settings import AuthSettings
from ferry.runtime import service


def main() -> None:
    service.run("auth", AuthSettings, lifespan)


if __name__ == "__main__":
    main()
