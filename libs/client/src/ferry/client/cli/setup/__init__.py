"""What is set up once: contexts, streams, publishers, the shell's completion."""
