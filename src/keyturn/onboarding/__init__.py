"""Adopting Keyturn beside an app: looking at its database, and writing the settings that fit it.

`init` guesses by names and asks; the mapping is held against the live database by the store's own check before the file
is written.
"""
