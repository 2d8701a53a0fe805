"""Debian's Chromium, as a browser's test starts it."""

import shutil

CHROMIUM = shutil.which("chromium")
"""None where it is not installed (scripts/ci-tools.sh does it)."""
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
