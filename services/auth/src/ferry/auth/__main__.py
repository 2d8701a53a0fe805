"""`python -m ferry.auth`."""

from ferry.runtime import signals

signals.end_at_once()

from ferry.auth.app import lifespan  # noqa: E402 - these imports take a second
from ferry.auth.settings import AuthSettings  # noqa: E402
from ferry.runtime.process import run  # noqa: E402


def main() -> None:
    run("auth", AuthSettings, lifespan)


if __name__ == "__main__":
    main()
