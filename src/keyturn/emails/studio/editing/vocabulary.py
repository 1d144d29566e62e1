"""The words that an editor completes: MJML's own, the classes of a mail's files, what its templates are given."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.variables.variables import Variable
from keyturn.errors import TemplateInvalid

_MJ_CLASS = re.compile(r"<mj-class\b[^<>]*?\sname=[\"']([\w-]+)[\"']")
_STYLES = re.compile(r"<(?:mj-)?style\b[^<>]*>(.*?)(?:</(?:mj-)?style>|\Z)", re.DOTALL)
_SELECTORS = re.compile(r"(?<![^{};])([^{};]+)\{")
_CSS_CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
_DEEPEST = 4

Names: TypeAlias = "dict[str, dict[str, Any]]"
"""Names, with what can be taken from each: `attributes`, and an `item` where it is looped over."""


def vocabulary(gallery: Gallery, template: str) -> dict[str, Any]:
    """Return the words, as plain data. Raises LookupError."""
    with gallery.one_look():
        sources = [gallery.source(file) for file in gallery.files_of(template) if (gallery.folders / file).is_file()]
        environment, engine = gallery.templates.environment(gallery.languages.choose("")), gallery.templates.engine
        return {
            "elements": _elements(),
            "classes": _unique(name for source in sources for name in _css_classes(source)),
            "mj_classes": _unique(name for source in sources for name in _MJ_CLASS.findall(source)),
            "variables": _variables(gallery, template),
            "filters": sorted(engine.filters if engine else environment.filters),
            "tests": [] if engine else sorted(environment.tests),
        }


def _elements() -> dict[str, Any]:
    from keyturn.emails.lint.markup.schema import EVERYWHERE, schema

    everywhere = dict.fromkeys(sorted(EVERYWHERE), "string")
    return {
        name: {"children": rules.children, "attributes": {**rules.attributes, **everywhere}}
        for name, rules in schema().elements.items()
    }


def _css_classes(source: str) -> Iterator[str]:
    for style in _STYLES.findall(source):
        for selectors in _SELECTORS.findall(style):
            yield from _CSS_CLASS.findall(selectors)


def _variables(gallery: Gallery, template: str) -> Names:
    """Return what the templates take, and what the first sample holds besides."""
    taken = {name: _taken(variable) for name, variable in gallery.variables(template).items()}
    try:
        first = next(iter(gallery.samples(template).values()), None)
    except TemplateInvalid:  # told where the mail is drawn
        first = None
    return _both(taken, _held(first.values) if first else {})


def _taken(variable: Variable, depth: int = 0) -> dict[str, Any]:
    if depth == _DEEPEST:
        return {}
    made: dict[str, Any] = {}
    if variable.attributes:
        made["attributes"] = {name: _taken(one, depth + 1) for name, one in variable.attributes.items()}
    if variable.item:
        made["item"] = _taken(variable.item, depth + 1)
    return made


def _held(values: Mapping[str, Any], depth: int = 0) -> Names:
    return {str(name): _of_value(value, depth) for name, value in values.items()}


def _of_value(value: Any, depth: int) -> dict[str, Any]:
    if depth == _DEEPEST:
        return {}
    if isinstance(value, list | tuple) and value:
        return {"item": _of_value(value[0], depth + 1)}
    fields = value if isinstance(value, Mapping) else {name: getattr(value, name) for name in _struct_fields(value)}
    return {"attributes": _held(fields, depth + 1)} if fields else {}


def _struct_fields(value: Any) -> tuple[str, ...]:
    return tuple(getattr(type(value), "__struct_fields__", ()))


def _both(one: Names, other: Names) -> Names:
    made = {name: dict(value) for name, value in one.items()}
    for name, value in other.items():
        mine = made.setdefault(name, {})
        if attributes := _both(mine.get("attributes", {}), value.get("attributes", {})):
            mine["attributes"] = attributes
        if "item" in value:
            mine["item"] = _both({"": mine.get("item", {})}, {"": value["item"]})[""]
    return dict(sorted(made.items()))


def _unique(names: Iterable[str]) -> list[str]:
    return sorted(set(names))
