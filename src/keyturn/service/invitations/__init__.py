"""Invitations to a first password, and the links and resets of operators, with their routes for an
app's server.
"""
