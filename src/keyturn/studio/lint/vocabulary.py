"""The words that an author can write in a mail: elements, attributes, classes, names, tags, filters and tests."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from keyturn.errors import TemplateInvalid
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.variables.variables import Variable
from keyturn.studio.lint.markup.structure import EVERYWHERE, schema

_MJ_CLASS = re.compile(r"<mj-class\b[^<>]*?\sname=[\"']([\w-]+)[\"']")
_STYLES = re.compile(r"<(?:mj-)?style\b[^<>]*>(.*?)(?:</(?:mj-)?style>|\Z)", re.DOTALL)
_SELECTORS = re.compile(r"(?<![^{};])([^{};]+)\{")
_CSS_CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
_DEEPEST = 4

_TAGS = (
    "autoescape", "block", "call", "elif", "else", "endautoescape", "endblock", "endcall", "endfilter", "endfor",
    "endif", "endmacro", "endset", "endwith", "extends", "filter", "for", "from", "if", "import", "include", "macro",
    "set", "with",
)  # fmt: skip
"""Jinja's own tags (Template Designer Documentation)."""

Names: TypeAlias = "dict[str, dict[str, Any]]"
"""Names, with what each holds: `attributes`, and an `item` if it is looped over."""


def vocabulary(gallery: Gallery, template: str) -> dict[str, Any]:
    with gallery.one_look():
        sources = [gallery.source(file) for file in gallery.files_of(template) if (gallery.folders / file).is_file()]
        environment, engine = gallery.templates.environment(gallery.languages.choose("")), gallery.templates.engine
        return {
            "elements": _elements(),
            "classes": sorted({name for source in sources for name in _css_classes(source)}),
            "mj_classes": sorted({name for source in sources for name in _MJ_CLASS.findall(source)}),
            "variables": _variables(gallery, template),
            "tags": []
            if engine
            else sorted({*_TAGS, *(tag for one in environment.iter_extensions() for tag in one.tags)}),
            "filters": sorted(engine.filters if engine else environment.filters),
            "tests": [] if engine else sorted(environment.tests),
        }


def _elements() -> dict[str, Any]:
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
    """Return the variables of the templates, and the other values of the first sample."""
    taken = {name: _names_in_variable(variable) for name, variable in gallery.variables(template).items()}
    try:
        first = next(iter(gallery.samples(template).values()), None)
    except TemplateInvalid:  # reported where the mail is drawn
        first = None
    return _merge_names(taken, _names_in_values(first.values) if first else {})


def _names_in_variable(variable: Variable, depth: int = 0) -> dict[str, Any]:
    if depth == _DEEPEST:
        return {}
    made: dict[str, Any] = {}
    if variable.attributes:
        made["attributes"] = {name: _names_in_variable(one, depth + 1) for name, one in variable.attributes.items()}
    if variable.item:
        made["item"] = _names_in_variable(variable.item, depth + 1)
    return made


def _names_in_values(values: Mapping[str, Any], depth: int = 0) -> Names:
    return {str(name): _of_value(value, depth) for name, value in values.items()}


def _of_value(value: Any, depth: int) -> dict[str, Any]:
    if depth == _DEEPEST:
        return {}
    if isinstance(value, list | tuple) and value:
        return {"item": _of_value(value[0], depth + 1)}
    fields = (
        value
        if isinstance(value, Mapping)
        else {name: getattr(value, name) for name in getattr(type(value), "__struct_fields__", ())}
    )
    return {"attributes": _names_in_values(fields, depth + 1)} if fields else {}


def _merge_names(one: Names, other: Names) -> Names:
    made = {name: dict(value) for name, value in one.items()}
    for name, value in other.items():
        mine = made.setdefault(name, {})
        if attributes := _merge_names(mine.get("attributes", {}), value.get("attributes", {})):
            mine["attributes"] = attributes
        if "item" in value:
            mine["item"] = _merge_names({"": mine.get("item", {})}, {"": value["item"]})[""]
    return dict(sorted(made.items()))
