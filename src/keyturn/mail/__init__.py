"""Mails: the port, the providers, languages and rendering.

`rendering` and `providers` do not depend on each other: a provider gets an `Email`, and returns an id or raises the
failure that its answer means. All of this lies below the service and the studio; the settings of the service include
the providers' own sections.
"""
