"""The fleet file: YAML or CSV, read with every mistake named where it stands, and written."""
