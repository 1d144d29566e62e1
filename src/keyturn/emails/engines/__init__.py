"""Engines beside Jinja: each renders templates with the place of every character, and reads them.

What an engine has to do is `mail/rendering/engine.py`. What its templates are given and decide is read from Jinja's
syntax tree: an engine writes its own down as one (`gallery/opening.py`, OtherEngine), as Liquid does, or finds what is
given by itself (`Gallery.find_variables`), as Django does, whose tags are code. All else, from samples to checks, is
the same for every engine. `choosing` says which one a folder is written for, `not_drawn` is for those that there are
not.
"""
