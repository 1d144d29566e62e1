"""Unknown filters and tests. They are reported, and the mail is checked without them."""

import re
from collections.abc import Iterator

from jinja2 import Environment, TemplateError, nodes

from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.environments import FolderEnvironment, parse_template, with_lenient_filters
from keyturn.studio.lint.finding import Finding, Place
from keyturn.studio.lint.rules import RULES
from keyturn.studio.lint.source.broken_templates import spelling_of
from keyturn.studio.lint.source.origins import with_origins


def with_lenient_origins(environment: Environment) -> Environment:
    """Return the environment of `with_origins`, in which unknown filters return their value unchanged."""
    return with_lenient_filters(with_origins(environment))


def going_on(gallery: Gallery) -> Gallery:
    """Return a gallery that finds the branches of its mails beyond their faults."""
    return gallery if gallery.go_on else gallery.but(go_on=with_lenient_origins)


def unknown_filters_in(gallery: Gallery, file: str) -> Iterator[Finding]:
    """Yield those of one file. Django refuses its own; in an app's own environment Jinja does."""
    if gallery.templates.engine:
        return
    environment = gallery.templates.environment(gallery.languages.choose(""))
    if isinstance(environment, FolderEnvironment):
        yield from _in_file(file, gallery.source(file), environment)


def _in_file(file: str, source: str, environment: Environment) -> Iterator[Finding]:
    try:
        tree = parse_template(environment, source, file, with_lenient_origins)
    except TemplateError:  # another check reports it
        return
    lines = source.split("\n")
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        kind, known = ("filter", environment.filters) if isinstance(node, nodes.Filter) else ("test", environment.tests)
        if node.name not in known:
            line = int(node.lineno)
            place = Place(file, line, _column(lines[line - 1], node.name))
            message = f"No {kind} named '{node.name}'."
            yield RULES.finding(place, f"jinja/unknown-{kind}", message=message, spelling=spelling_of(node.name, known))


def _column(line: str, name: str) -> int:
    found = re.search(rf"(?:\||\bfilter|\bis(?:\s+not)?)\s*({re.escape(name)})\b", line)
    return found.start(1) + 1 if found else 1
