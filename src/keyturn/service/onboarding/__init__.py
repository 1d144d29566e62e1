"""Adds Keyturn to an app: finds the table of accounts by its columns, and writes settings that fit it.

`init` guesses by names, writes a file with a comment for what it did not find, and says what to look at.
"""
