"""Engines beside Jinja, by the port `mail/rendering/render.py`.

Handlebars has no suitable library for Python, as of November 2026: pybars3, pybars4, python-handlebars and handlebars
are unmaintained, and none of them reports the line that wrote a text.
"""
