"""Commands for setup: contexts, streams, publishers, shell completion."""
