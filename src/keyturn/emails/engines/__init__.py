"""Engines beside Jinja: each renders a project's own templates, with the place of every character, and reads them.

What an engine has to do is `mail/rendering/engine.py`, and a function that finds what templates are given
(`Gallery.find_variables`). All else, from samples to checks, is the same for every engine.
"""
