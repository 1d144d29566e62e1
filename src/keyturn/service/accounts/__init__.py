"""The port to an app's accounts, the stores behind it, and Keyturn's own sessions.

A session refers to an account by its id.
"""
