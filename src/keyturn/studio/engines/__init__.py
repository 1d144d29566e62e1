"""Engines beside Jinja.

No maintained library of Handlebars for Python reports the line of a text (November 2026).
"""
