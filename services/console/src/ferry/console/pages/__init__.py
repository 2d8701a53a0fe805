"""What is shown, one module a page."""
