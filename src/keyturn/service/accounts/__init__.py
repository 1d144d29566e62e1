"""The port to an app's accounts, the stores behind it, and Keyturn's own sessions, which know an
account by its id.
"""
