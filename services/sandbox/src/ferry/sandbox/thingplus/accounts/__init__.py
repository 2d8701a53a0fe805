"""Tenants, their users and OAuth clients, tokens and sessions."""
