"""Mails: the port, the providers, languages and rendering.

A provider gets an `Email`, and does not know rendering.
"""
