"""Engines beside Jinja. Each renders templates with the place of every character, and finds their variables.

The port is `mail/rendering/engine.py`. Variables and branches are read from Jinja's syntax tree. Liquid converts its
templates into one (`gallery/opening.py`, OtherEngine). Django, whose tags are code, finds variables itself
(`Gallery.find_variables`). Samples, checks and the rest are the same for every engine. `folder_engine` tells the engine
of a folder; `not_drawn` is for engines that are not available.
"""
