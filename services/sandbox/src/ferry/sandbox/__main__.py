"""`ferry-sandbox`, or `python -m ferry.sandbox`: both clouds on this machine."""

import sys

from ferry.sandbox import app, settings


def main() -> None:
    try:
        app.run(settings.read())
    except (ValueError, OSError) as problem:
        sys.stderr.write(f"ferry-sandbox: {problem}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
