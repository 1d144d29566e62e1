"""Engines beside Jinja.

`django` renders the templates of a project with the place of every character, and finds their variables itself, since
its tags are code (`Gallery.find_variables`). The port is `mail/rendering/engine.py`. Samples, checks and the rest are
the same for both engines. `handlebars` recognises templates that Keyturn cannot render.
"""
