"""Builds every part once, and passes it on through constructors.

A layer of its own, without Litestar: the commands need the parts and no web application.
"""

from keyturn.service.parts.parts import FromApp, Parts

__all__ = ["FromApp", "Parts"]
