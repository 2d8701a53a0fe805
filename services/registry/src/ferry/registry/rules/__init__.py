"""Completes a request, and checks it against the gateway model."""
