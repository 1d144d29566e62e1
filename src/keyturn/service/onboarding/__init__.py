"""Adds Keyturn to an app: finds its table of accounts, and writes settings for it."""
