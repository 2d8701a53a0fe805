"""The fleet file, YAML or CSV: reads it, reporting every mistake with its position, and writes it."""
