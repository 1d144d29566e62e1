"""Compiles a mail once for all mails of the same shape, which differ only in the values filled in.

It is for templates that only test whether a text is empty, and print a moment with the filters `clock` and `moment`
alone, as Keyturn's own do. Such a mail is compiled with placeholders of letters and digits, which neither Jinja nor
MJML changes. The values are escaped as Jinja would escape them.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import msgspec
from jinja2 import Environment, pass_context
from markupsafe import escape

from keyturn.errors import TemplateInvalid
from keyturn.mail.languages import Language
from keyturn.mail.rendering.compiling import Rendered, head_texts, header_text

if TYPE_CHECKING:
    from keyturn.mail.rendering.render import Templates

_MARK = f"value{token_hex(8)}"  # unguessable, so it cannot occur in a mail
_PLACE = re.compile(rf"{_MARK}(\w+?){_MARK}")
_MJML_TAG = re.compile(r"<mj-[^<>]*>")
_AS_IT_IS = re.compile(r"[ !#-\[\]-~]*")
"""Characters that mrml keeps as they are in an attribute; it writes attributes as Rust strings, with escapes."""

_FILTERS: Mapping[str, Callable[[Language, datetime], str]] = {"clock": Language.clock, "moment": Language.moment}
_MOST = 512
"""Shapes that are kept, at some 40 kB each: a mail has about four in a language."""


class MailShapes:
    """The mails of templates, by their shapes. Give it the values as `fill` prepares them."""

    def __init__(self, templates: "Templates") -> None:
        self._templates = templates
        self._marked = templates.with_preparation(_leave_placeholders)
        self._known: dict[tuple[object, ...], _Pattern | None] = {}

    def render(self, name: str, values: Mapping[str, Any], language: Language) -> Rendered:
        """Render as `Templates.render_values` does, which takes over for a shape with a different result."""
        shape = (name, language.tag, language.direction, *map(_shape, values.values()))
        pattern = self._known.get(shape)
        if pattern and (mail := pattern.fill(values, language)):
            return mail
        rendered = self._templates.render_values(name, values, language)
        if shape not in self._known and len(self._known) < _MOST:
            try:
                pattern = self._compile(name, values, language)
                mail = pattern.fill(values, language)
            except (TemplateInvalid, LookupError):  # the template examines the placeholders themselves
                self._known[shape] = None
            else:
                if mail:
                    self._known[shape] = pattern if mail == rendered else None
        return rendered

    def _compile(self, name: str, values: Mapping[str, Any], language: Language) -> "_Pattern":
        filled = self._marked.fill(name, {key: _placeholder(key, value) for key, value in values.items()}, language)
        title, preheader = head_texts(filled.markup, is_mjml=True)
        return _Pattern(
            title=_PLACE.split(title),
            preheader=_PLACE.split(preheader),
            markup=_PLACE.split(filled.markup),
            text=_PLACE.split(filled.text),
            html=_PLACE.split(self._marked.compile(name, filled).html),
            attributes=_PLACE.findall("".join(_MJML_TAG.findall(filled.markup))),
        )


class _Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """A mail with open values: texts, and between them the names of the values.

    `attributes`: the names of values in an attribute of MJML.
    """

    title: list[str]
    preheader: list[str]
    markup: list[str]
    text: list[str]
    html: list[str]
    attributes: list[str]

    def fill(self, values: Mapping[str, Any], language: Language) -> Rendered | None:
        """Return the mail; None if MJML would write one of the attributes differently."""
        printed = {place: _print(place, values, language) for place in {*self.markup[1::2], *self.text[1::2]}}
        if not all(_AS_IT_IS.fullmatch(printed[place]) for place in self.attributes):
            return None
        escaped = {place: str(escape(text)) for place, text in printed.items()}
        return Rendered(
            subject=header_text(_join(self.title, printed)),
            preheader=header_text(_join(self.preheader, printed)),
            html=_join(self.html, escaped),
            text=_join(self.text, printed).strip() + "\n",
            mjml=_join(self.markup, escaped),
        )


class _Moment:
    """A placeholder for a moment; a template prints only the result of a filter."""

    def __init__(self, name: str) -> None:
        self.name = name


def _shape(value: object) -> object:
    """Return the part of a value that a template may examine."""
    return bool(value) if isinstance(value, str) else None if isinstance(value, datetime) else value


def _placeholder(name: str, value: object) -> object:
    if isinstance(value, datetime):
        return _Moment(name)
    return _place(name) if isinstance(value, str) and value else value


def _place(name: str) -> str:
    return f"{_MARK}{name}{_MARK}"


def _leave_placeholders(environment: Environment) -> Environment:
    """Make the environment print placeholders for moments."""
    # Named like the filters that they replace, because compiled templates are shared.
    environment.filters["clock"] = pass_context(lambda _, moment: _place(f"{moment.name}__clock"))
    environment.filters["moment"] = pass_context(lambda _, moment: _place(f"{moment.name}__moment"))
    return environment


def _print(place: str, values: Mapping[str, Any], language: Language) -> str:
    name, _, filter_ = place.partition("__")
    return _FILTERS[filter_](language, values[name]) if filter_ else values[name]


def _join(parts: list[str], texts: Mapping[str, str]) -> str:
    filled = parts.copy()
    filled[1::2] = [texts[place] for place in parts[1::2]]
    return "".join(filled)
