"""Adds Keyturn to an app: guesses the table of accounts by its columns, and writes settings that
fit it.
"""
