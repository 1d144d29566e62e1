"""Engines beside Jinja, by the port `mail/rendering/engine.py`.

Handlebars has no suitable library for Python, as of November 2026. pybars3 (2019) and pybars4 (2021) have no wheels,
python-handlebars has three releases, handlebars runs the original in js2py, which is unmaintained. None of them reports
the line that wrote a text.
"""
