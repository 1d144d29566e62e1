"""Adds Keyturn to an app: inspects the app's database, and writes settings that fit it.

`init` guesses by names and asks. The store's own check verifies the mapping against the live database before the file
is written.
"""
