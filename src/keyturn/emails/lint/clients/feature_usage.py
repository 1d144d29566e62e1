"""Which features a mail uses, and where: only what its author brought in, never what MJML writes."""

import re
from collections.abc import Iterator
from dataclasses import replace

from keyturn.emails.lint.clients import features
from keyturn.emails.lint.clients.features import FeatureUse
from keyturn.emails.lint.clients.stylesheet_usage import declaration_uses, stylesheet_uses
from keyturn.emails.lint.css.stylesheets import read_style
from keyturn.emails.lint.document import Document
from keyturn.mail.rendering.html_tree import Element

# MJML draws these by itself with tables, attributes and VML.
_DRAWN_BY_MJML = ("height", "width", "background", "align", "vertical-align", "direction")

# Clients that draw with Word, and so skip what a conditional comment keeps from it.
_WORD = frozenset(("outlook/windows", "outlook/windows-mail"))
_NOT_FOR_WORD = re.compile(r"<!--\[if !mso[^]<]*\]>.*?(?:<!\[endif\]-->|\Z)", re.DOTALL | re.IGNORECASE)


def feature_uses(document: Document) -> Iterator[FeatureUse]:
    """Yield every use of a feature that not every client has."""
    hidden_from_word = [found.span() for found in _NOT_FOR_WORD.finditer(document.markup)]
    for use in _all_uses(document):
        if any(start < use.offset < end for start, end in hidden_from_word):
            yield replace(use, unread_by=use.unread_by | _WORD)
        else:
            yield use


def _all_uses(document: Document) -> Iterator[FeatureUse]:
    for element in document.elements():
        if element.tag.startswith("mj"):
            yield from _of_element(element)
    for tag in document.html_elements():
        yield from _of_tag(tag)
    for style in document.authored_styles():
        yield from stylesheet_uses(document, style)


def _of_element(element: Element) -> Iterator[FeatureUse]:
    tag = frozenset((element.tag,))
    for slug in features.of_mjml(element.tag):
        yield FeatureUse(slug, "", element.offset, f"<{element.tag}>", tag)
    for name, attribute in element.attributes.items():
        written = f"{element.tag} {name}: {attribute.value}"
        for slug in features.of_mjml(element.tag, name):
            yield FeatureUse(slug, attribute.value, attribute.offset, written, tag)
        if not name.startswith(_DRAWN_BY_MJML) or name.endswith("color"):
            for slug in features.of_declaration(name, attribute.value):
                yield FeatureUse(slug, attribute.value, attribute.offset, written, tag)
    if element.tag in ("mj-image", "mj-social-element") and "src" in element.attributes:
        for slug in features.of_image(element.get("src")):
            source = element.attributes["src"]
            yield FeatureUse(slug, source.value, source.offset, f"{element.tag} src: {source.value}", tag)


def _of_tag(tag: Element) -> Iterator[FeatureUse]:
    given, elements = {name: attribute.value for name, attribute in tag.attributes.items()}, frozenset((tag.tag,))
    written = f"<{' '.join([tag.tag, *(f'{name}={value}' for name, value in given.items())])}>"
    for slug, attribute in features.of_tag(tag.tag, given):
        place = tag.attributes[attribute].offset if attribute in tag.attributes else tag.offset
        yield FeatureUse(slug, given.get(attribute, tag.tag), place, written, elements)
    if tag.tag == "img":
        for slug in features.of_image(given.get("src", "")):
            yield FeatureUse(slug, given["src"], tag.attributes["src"].offset, f"img src: {given['src']}", elements)
    if "style" in tag.attributes:
        style, base = given["style"], tag.attributes["style"].value_offset
        for use in declaration_uses(style, read_style(style), "style", lambda: elements):
            yield replace(use, offset=base + use.offset)
