"""What tests and people ask of the sandbox itself, and the pages that it shows."""
