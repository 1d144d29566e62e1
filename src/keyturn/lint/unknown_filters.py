"""Filters and tests that templates use and nobody has brought: told, and the mail is checked all the same."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from jinja2 import Environment, TemplateError, nodes

from keyturn.gallery import Gallery
from keyturn.gallery.environments import FolderEnvironment, lenient
from keyturn.lint.finding import Finding, Place
from keyturn.lint.origins import with_origins

_YOUR_OWN = "one of your own comes with your Jinja environment: --env package.module:environment."


def traced_anyway(environment: Environment) -> Environment:
    """Return what `with_origins` makes, in which a filter that is not there leaves its value as it is."""
    return lenient(with_origins(environment))


def unknown_filters(gallery: Gallery, template: str) -> Iterator[Finding]:
    """Yield each use of a filter or test that is not there. Of an app's own environment, Jinja itself says it."""
    environment = gallery.templates.environment(gallery.languages.choose(""))
    if isinstance(environment, FolderEnvironment):
        for file in gallery.files_of(template):
            yield from _in_file(file, gallery.source(file), environment)


def _in_file(file: str, source: str, environment: Environment) -> Iterator[Finding]:
    try:
        used = list(environment.parse(source).find_all((nodes.Filter, nodes.Test)))
    except TemplateError:  # told as what it is
        return
    lines = source.split("\n")
    for node in used:
        kind, known = ("filter", environment.filters) if isinstance(node, nodes.Filter) else ("test", environment.tests)
        if node.name not in known:
            close = get_close_matches(node.name, known, n=1)
            yield Finding(
                rule=f"jinja/unknown-{kind}", severity="error", message=f"No {kind} named '{node.name}'.",
                way_out=f"Did you mean {close[0]}? Else {_YOUR_OWN}" if close else f"Check its spelling; {_YOUR_OWN}",
                place=Place(file, node.lineno, _column(lines[node.lineno - 1], node.name)),
            )  # fmt: skip


def _column(line: str, name: str) -> int:
    found = re.search(rf"(?:\||\bfilter|\bis(?:\s+not)?)\s*({re.escape(name)})\b", line)
    return found.start(1) + 1 if found else 1
