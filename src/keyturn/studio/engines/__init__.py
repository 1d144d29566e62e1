"""Engines beside Jinja.

`django` renders the templates of a project with the place of every character, and finds their variables itself, since
its tags are code (`Engine.find_variables`). The port is `mail/rendering/render.py`. Samples, checks and the rest are
the same for both engines.

Handlebars has no suitable library for Python, as of November 2026. pybars3 (2019) and pybars4 (2021) have no wheels and
need PyMeta3 (2015). python-handlebars has three releases, the last in 2024. handlebars runs the original in js2py,
which is unmaintained. None of them reports the line that wrote a text. Handlebars itself needs Node.
"""
