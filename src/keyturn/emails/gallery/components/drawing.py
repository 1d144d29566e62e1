"""A part drawn alone: with values that are guessed, in the head and the body of a mail that uses it."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from jinja2 import ChoiceLoader, DictLoader, Environment, TemplateError

from keyturn.emails.gallery.components.parts import Part
from keyturn.emails.gallery.environments import with_lenient_filters
from keyturn.emails.gallery.gallery import Gallery
from keyturn.emails.gallery.placeholders.guessed_values import guess
from keyturn.emails.gallery.placeholders.missing_names import note_missing_names
from keyturn.emails.gallery.samples.sample import Sample
from keyturn.emails.gallery.variables.usage import find_variables
from keyturn.emails.workers.limits import OutOfTime
from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.rendering.mjml import to_html

Options = Literal["required", "all"]
"""Which parameters are given: those that have to be, or those with defaults, too."""

_NAME = "keyturn-part"
_HEAD = re.compile(
    r"<mj-head\b(?:(?!<mj-head\b).)*?</mj-head\s*>|<head\b(?:(?!<head\b).)*?</head\s*>", re.DOTALL | re.IGNORECASE
)
_BODY = re.compile(r"<(?:mj-)?body\b[^<>]*>", re.IGNORECASE)
_FIRST_TAG = re.compile(r"(?>\s+|<!--.*?-->)*+<([\w-]+)", re.DOTALL)
_SECTIONS = frozenset({"mj-section", "mj-wrapper", "mj-hero", "mj-raw"})
_COLUMNS = frozenset({"mj-column", "mj-group"})
_IN_THE_HEAD = frozenset(
    {
        "mj-head",
        "mj-attributes",
        "mj-style",
        "mj-font",
        "mj-title",
        "mj-preview",
        "mj-breakpoint",
        "mj-all",
        "mj-class",
        "mj-html-attributes",
        "style",
        "title",
        "meta",
        "link",
        "head",
    }
)
_ROWS = frozenset({"tr", "td", "th", "tbody"})


class CannotDraw(Exception):
    """Nothing can be seen of a part; the message is a sentence for a person."""


def draw_part(gallery: Gallery, part: Part, options: Options, users: list[str], language: Language) -> str:
    """Return the HTML of a part alone. `users` are the mails that come to it. Raises CannotDraw."""
    try:
        drawn = _fill(gallery, part, options, users, language)
    except (TemplateError, TemplateInvalid) as error:
        raise CannotDraw(f"It cannot be drawn alone: {error}.") from error
    except OutOfTime:
        raise
    except Exception as error:  # a template calls filters and methods, so it can raise whatever they raise
        raise CannotDraw(f"It cannot be drawn alone: {type(error).__name__}: {error}.") from error
    return _as_page(gallery, drawn, users, language)


def _fill(gallery: Gallery, part: Part, options: Options, users: list[str], language: Language) -> str:
    if engine := gallery.templates.engine:
        values = {**guess(gallery.variables_in([part.file])), **_given_by(gallery, part, users)}
        return str(engine.render(part.file, {**gallery.templates.globals, **values}, language))
    environment = gallery.renderers(with_lenient_filters)(Sample("", {}, "guessed")).environment(language)
    source = DictLoader({_NAME: _source(part, options)})
    alone = environment.overlay(loader=ChoiceLoader([source, *_loader(environment)]))
    values = {**guess(find_variables([_NAME], alone)), **_given_by(gallery, part, users)}
    return alone.get_template(_NAME).render(values)


def _source(part: Part, options: Options) -> str:
    if part.is_whole:
        return f"{{% include {part.file!r} %}}"
    given = [one.name for one in part.parameters if one.default is None or options == "all"]
    call = f"part.{part.name}({', '.join(f'{name}={name}' for name in given)})"
    imported = f"{{% import {part.file!r} as part with context %}}"
    if part.takes_content:
        return f"{imported}{{% call {call} %}}<mj-text>Content</mj-text>{{% endcall %}}"
    return f"{imported}{{{{ {call} }}}}"


def _loader(environment: Environment) -> list[Any]:
    return [environment.loader] if environment.loader else []


def _given_by(gallery: Gallery, part: Part, users: list[str]) -> Mapping[str, Any]:
    """Return what the first mail that uses a file gives it: that is what it is made for."""
    for user in users if part.is_whole else ():
        try:
            return next(iter(gallery.samples(user).values())).values
        except (TemplateInvalid, StopIteration):
            continue
    return {}


def _as_page(gallery: Gallery, drawn: str, users: list[str], language: Language) -> str:
    """Return a whole page that holds what was drawn, or says why it cannot."""
    tag = found[1].lower() if (found := _FIRST_TAG.match(drawn)) else ""
    if not drawn.strip() or tag in _IN_THE_HEAD:
        raise CannotDraw("It draws nothing by itself." if not drawn.strip() else "It stands in the head of a mail.")
    around = _mail_around(gallery, users, language)
    if "<mjml" in drawn[:1000].lower():
        return _compile(drawn)
    if tag in ("html", "!doctype"):
        return drawn
    head, body = (found[0] if (found := pattern.search(around)) else "" for pattern in (_HEAD, _BODY))
    if not (tag.startswith("mj-") or "<mjml" in around[:1000].lower()):
        inner = f"<table>{drawn}</table>" if tag in _ROWS else drawn
        return f"<!doctype html><html>{head}{body or '<body>'}{inner}</body></html>"
    return _compile(f"<mjml>{head}{body or '<mj-body>'}{_in_sections(drawn, tag)}</mj-body></mjml>")


def _in_sections(drawn: str, tag: str) -> str:
    if tag in _SECTIONS:
        return drawn
    if tag in _COLUMNS:
        return f"<mj-section>{drawn}</mj-section>"
    if not tag.startswith("mj-"):
        drawn = f"<mj-table>{drawn}</mj-table>" if tag in _ROWS else f"<mj-text>{drawn}</mj-text>"
    return f"<mj-section><mj-column>{drawn}</mj-column></mj-section>"


def _mail_around(gallery: Gallery, users: list[str], language: Language) -> str:
    """Return the markup of the first mail that uses it and can be drawn."""
    renderers = gallery.renderers(with_lenient_filters)
    for user in users:
        try:
            sample = next(iter(gallery.samples(user).values()))
            with note_missing_names():  # its head is wanted, whatever its body lacks
                return str(renderers(sample).fill(user, sample.values, language).markup)
        except (TemplateInvalid, StopIteration):
            continue
    return ""


def _compile(mjml: str) -> str:
    try:
        return to_html(mjml)
    except ValueError as error:
        raise CannotDraw(f"MJML cannot compile it alone: {error}.") from error
