"""Invitations to choose a first password, and what operators do for the owners of accounts."""
