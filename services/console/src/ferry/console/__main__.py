"""`python -m ferry.console`."""

from ferry.runtime import signals

signals.end_at_once()

from ferry.console.app import lifespan  # noqa: E402 - these imports take a second
from ferry.console.settings import ConsoleServiceSettings  # noqa: E402
from ferry.runtime.process import run  # noqa: E402


def main() -> None:
    run("console", ConsoleServiceSettings, lifespan)


if __name__ == "__main__":
    main()
