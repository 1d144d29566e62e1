"""Mails that were captured, and mails on their way out of the studio: their files, their links, their row in an inbox.

A link is read and never fetched: a GET on a reset link may use it up.
"""
