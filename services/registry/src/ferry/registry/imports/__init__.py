"""Imports: compares the cloud with the bucket."""
