"""Mails: the port, the providers, rendering and sending.

`rendering` and `providers` do not depend on each other: a provider gets an `Email`, and returns an id or raises the
failure that its answer means. `port` and `providers` lie below the settings, which include the providers' own
sections; `rendering` and `sending` lie above the settings.
"""
