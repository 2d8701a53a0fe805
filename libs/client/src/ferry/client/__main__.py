"""`python -m ferry.client`: the `ferry` command, for an image without scripts of its own."""

from ferry.client.cli.main import main

main()
