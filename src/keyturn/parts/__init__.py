"""Every part is built here, once, and handed down through constructors.

A floor of its own, without Litestar: the commands need the parts and no web application.
"""

from keyturn.parts.parts import Parts

__all__ = ["Parts"]
