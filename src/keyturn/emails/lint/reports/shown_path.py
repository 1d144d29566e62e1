"""How a report names the file of a finding."""

from collections.abc import Callable

Shown = Callable[[str], str]
"""Turns a template's name in its folder into the path that a reader can open."""
