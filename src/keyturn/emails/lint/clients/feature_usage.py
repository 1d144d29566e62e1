"""Which features a mail uses, and where: only what its author brought in, never what MJML writes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from keyturn.emails.lint.clients import features
from keyturn.emails.lint.css.stylesheets import Declaration, Rule, read_style, read_stylesheet
from keyturn.emails.lint.document import Document
from keyturn.emails.lint.markup.authored_html import AuthoredStyle
from keyturn.mail.rendering.html_tree import Element

# MJML draws these by itself with tables, attributes and VML.
_DRAWN_BY_MJML = ("height", "width", "background", "align", "vertical-align", "direction")

# What stands inside is for clients that know it, so it cannot be lost on the others.
_OFFERED = ("supports", "prefers-", "data-ogs", "moz-text-html")

# What hides without `visibility`, as hidden preheaders do.
_HIDING = ("display", "mso-hide", "max-height", "opacity", "font-size")


@dataclass(frozen=True, slots=True)
class FeatureUse:
    """One use of a feature. `value` decides whether partial support is enough; `offset` is one in the MJML."""

    feature: str
    value: str
    offset: int


def feature_uses(document: Document) -> Iterator[FeatureUse]:
    """Yield every use of a feature that not every client has."""
    for element in document.elements():
        if element.tag.startswith("mj"):
            yield from _of_element(element)
    for tag in document.html_elements():
        yield from _of_tag(tag)
    for style in document.authored_styles():
        yield from _of_stylesheet(style)


def _of_element(element: Element) -> Iterator[FeatureUse]:
    for slug in features.of_mjml(element.tag):
        yield FeatureUse(slug, "", element.offset)
    for name, attribute in element.attributes.items():
        for slug in features.of_mjml(element.tag, name):
            yield FeatureUse(slug, attribute.value, attribute.offset)
        if not name.startswith(_DRAWN_BY_MJML) or name.endswith("color"):
            for slug in features.of_declaration(name, attribute.value):
                yield FeatureUse(slug, attribute.value, attribute.offset)
    if element.tag in ("mj-image", "mj-social-element") and "src" in element.attributes:
        for slug in features.of_image(element.get("src")):
            yield FeatureUse(slug, element.get("src"), element.attributes["src"].offset)


def _of_tag(tag: Element) -> Iterator[FeatureUse]:
    given = {name: attribute.value for name, attribute in tag.attributes.items()}
    for slug, attribute in features.of_tag(tag.tag, given):
        place = tag.attributes[attribute].offset if attribute else tag.offset
        yield FeatureUse(slug, given.get(attribute, ""), place)
    if tag.tag == "img":
        for slug in features.of_image(given.get("src", "")):
            yield FeatureUse(slug, given["src"], tag.attributes["src"].offset)
    if "style" in tag.attributes:
        base = tag.attributes["style"].value_offset
        yield from _of_declarations(read_style(given["style"]), base)


def _of_stylesheet(style: AuthoredStyle) -> Iterator[FeatureUse]:
    sheet, base = read_stylesheet(style.css), style.offset
    for at_rule in sheet.at_rules:
        for slug in features.of_at_rule(f"{at_rule.keyword} {at_rule.prelude}"):
            yield FeatureUse(slug, at_rule.prelude, base + at_rule.offset)
    for rule in sheet.rules:
        if not _is_optional(rule):
            yield from () if style.inlined else _of_selectors(rule, base)
            yield from _of_declarations(rule.declarations, base)


def _of_selectors(rule: Rule, base: int) -> Iterator[FeatureUse]:
    compounds = (compound for selector in rule.selectors for compound in selector.compounds)
    parts = {f":{pseudo}" for compound in compounds for pseudo in compound.pseudos}
    for part in sorted(parts | ({"&"} if rule.nested else set())):
        for slug in features.of_selector_part(part):
            yield FeatureUse(slug, part, base + rule.offset)


def _of_declarations(declarations: Iterable[Declaration], base: int) -> Iterator[FeatureUse]:
    hidden = any(one.name in _HIDING and one.value in ("0", "0px", "none", "all") for one in declarations)
    for declaration in declarations:
        if hidden and declaration.name == "visibility":
            continue
        for slug in features.of_declaration(declaration.name, declaration.value):
            yield FeatureUse(slug, declaration.value, base + declaration.offset)


def _is_optional(rule: Rule) -> bool:
    around = " ".join(f"{at_rule.keyword} {at_rule.prelude}" for at_rule in rule.within)
    names = " ".join(name for selector in rule.selectors for name in selector.attribute_names())
    return any(offered in f"{around} {names}" for offered in _OFFERED)
