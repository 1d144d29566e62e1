"""Engines beside Jinja, by the port `mail/rendering/render.py`.

As of November 2026, no maintained library of Handlebars for Python reports the line that wrote a text.
"""
