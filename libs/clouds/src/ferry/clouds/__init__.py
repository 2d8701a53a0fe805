"""Typed async clients of the two clouds' HTTP APIs, over httpx2."""
