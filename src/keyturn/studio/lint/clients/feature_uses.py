"""Finds the features of CSS, HTML and images that a mail uses.

Only what the author wrote counts, not what MJML adds.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

from msgspec.structs import replace

from keyturn.hosts import split_address
from keyturn.mail.rendering.html_tree import Element
from keyturn.studio.gallery.variables.plausible_texts import is_placeholder
from keyturn.studio.lint.clients.clients import supports
from keyturn.studio.lint.clients.features import FeatureUse, initial_values, named
from keyturn.studio.lint.css.selectors import Compound, Selector
from keyturn.studio.lint.css.stylesheets import (
    AtRule,
    Declaration,
    StyleRule,
    read_style,
    read_stylesheet,
)
from keyturn.studio.lint.document import AuthoredStyle, Document
from keyturn.studio.lint.markup.conditional_comments import parts_not_for_word

_USUAL_TYPES = {"input": "text", "button": "submit"}
"""The default types of elements (HTML, 4.10.5 and 4.10.6)."""

_Uses = Iterator[tuple[Sequence[str], FeatureUse]]
"""Names of features with one use of them all."""

# MJML compiles these to attributes and VML.
_COMPILED_BY_MJML = ("height", "width", "background", "align", "vertical-align", "direction")

# These clients skip conditional comments for other clients.
_WORD = frozenset(("outlook/windows", "outlook/windows-mail"))


def feature_uses(document: Document) -> Iterator[tuple[str, FeatureUse]]:
    """Yield the features of a mail, each with its use."""
    hidden_from_word = parts_not_for_word(str(document.markup))
    for slugs, use in _all_uses(document):
        seen = use
        if any(use.offset in part for part in hidden_from_word):
            seen = replace(use, unread_by=use.unread_by | _WORD)
        for slug in slugs:
            yield slug, seen


def _all_uses(document: Document) -> _Uses:
    for element in document.elements():
        if element.tag.startswith("mj"):
            yield from _uses_of_mjml(element)
    for element in document.html_elements():
        if element.tag.startswith("mj"):  # misplaced in HTML
            yield from _uses_of_mjml(element)
        else:
            yield from _uses_of_html(element)
    for style in document.authored_styles():
        yield from _uses_of_stylesheet(document, style)


def _start_tag(element: Element) -> str:
    parts = [element.tag]
    for name, attribute in element.attributes.items():
        parts.append(f"{name}={attribute.value}")
    return f"<{' '.join(parts)}>"


def _uses_of_mjml(element: Element) -> _Uses:
    tag = element.tag
    tags = partial(tuple, [tag])
    yield named("element", tag), FeatureUse("", element.offset, _start_tag(element), tags)
    for name, attribute in element.attributes.items():
        value = attribute.value
        slugs = [*named("element", f"{tag} {name}", value)]
        is_compiled = name.startswith(_COMPILED_BY_MJML) and not name.endswith("color")
        if not is_compiled:
            slugs += named("property", name, value)
        yield slugs, FeatureUse(value, attribute.offset, f"{tag} {name}: {value}", tags)
    if tag in ("mj-image", "mj-social-element"):
        yield from _uses_of_image(element)


def _uses_of_html(element: Element) -> _Uses:
    tag = element.tag
    tags = partial(tuple, [tag])
    written = _start_tag(element)
    yield named("element", tag), FeatureUse(tag, element.offset, written, tags)
    if tag in _USUAL_TYPES and "type" not in element.attributes:
        usual = _USUAL_TYPES[tag]
        slugs = named("element", f"{tag} type", usual)
        yield slugs, FeatureUse(usual, element.offset, written, tags)
    for name, attribute in element.attributes.items():
        slugs = named("element", f"{tag} {name}", attribute.value)
        yield slugs, FeatureUse(attribute.value, attribute.offset, written, tags)
    if tag == "img":
        yield from _uses_of_image(element)
    style = element.attributes.get("style")
    if style:
        declarations = read_style(style.value)
        yield from _uses_of_declarations(
            style.value, style.value_offset, declarations, "style", tags
        )


def _uses_of_image(element: Element) -> _Uses:
    address = element.get("src")
    if not address or is_placeholder(address):
        return
    kind = "data:"
    if not address.startswith("data:"):
        kind = Path(split_address(address).path).suffix.lstrip(".").lower()  # tells the format
    place = element.attributes["src"].offset
    yield named("image", kind), FeatureUse(address, place, f"{element.tag} src: {address}")


# Inside these, clients without support lose nothing.
_OFFERED = ("supports", "prefers-", "data-og", "moz-text-html")

# Names in the markup of a single client: such rules are for that client alone.
_OF_ONE_CLIENT = (
    "x-apple-data-detectors",
    "owa",
    "outlook",
    "ExternalClass",
    "ReadMsgBody",
    "MessageViewBody",
    "MessageWebViewDiv",
    "yshortcuts",
    "appleLinks",
    "unstyle-auto-detected-links",
    "aBn",
    "a6S",
    "im",
)

# Properties that hide an element as well as `visibility` and `overflow` do, as in preheaders.
_HIDING = ("display", "mso-hide", "max-height", "opacity", "font-size", "height", "width")

_IMPORTANT = re.compile(r"!\s*important\b", re.IGNORECASE)


def _uses_of_stylesheet(document: Document, style: AuthoredStyle) -> _Uses:
    sheet = read_stylesheet(style.css)
    if not style.is_inlined and (sheet.rules or sheet.at_rules):
        has_body = document.body is not document.root
        place = "body" if has_body and style.offset in document.body.inner else "head"
        yield ("html-style",), FeatureUse(place, style.offset, f"style element in {place}")
    for at_rule in sheet.at_rules:
        yield _use_of_at_rule(at_rule, style.offset)
    for rule in sheet.rules:
        if not _is_optional(rule):
            yield from _uses_of_rule(document, style, rule)


def _use_of_at_rule(at_rule: AtRule, start: int) -> tuple[Sequence[str], FeatureUse]:
    written = f"{at_rule.keyword} {at_rule.prelude}"
    around = "".join(f" inside @{above.keyword} {above.prelude}" for above in at_rule.within)
    use = FeatureUse(at_rule.prelude, start + at_rule.offset, f"sheet @{written}{around}")
    return named("at", written), use


def _uses_of_rule(document: Document, style: AuthoredStyle, rule: StyleRule) -> _Uses:
    uses: list[tuple[Sequence[str], FeatureUse]] = []
    if not style.is_inlined:
        uses += _uses_of_selectors(rule, style.offset)
    tags = cache(partial(_selected_tags, document, rule))
    uses += _uses_of_declarations(style.css, style.offset, rule.declarations, "sheet", tags)
    unread_by: set[str] = set()
    for at_rule in rule.within:
        unread_by.update(_clients_without(at_rule.keyword))
    if not unread_by:
        yield from uses
        return
    for slugs, use in uses:
        yield slugs, replace(use, unread_by=frozenset(unread_by))


def _selected_tags(document: Document, rule: StyleRule) -> frozenset[str]:
    tags = set()
    for node in document.compiled.walk():
        if any(selector.matches(node) for selector in rule.selectors):
            tags.add(node.tag)
    return frozenset(tags)


def _uses_of_declarations(
    css: str,
    start: int,
    declarations: Sequence[Declaration],
    where: str,
    tags: Callable[[], Collection[str]],
) -> _Uses:
    """Yield the uses in declarations of `css`, which begins at `start`.

    `tags` are those that have them.
    """
    hides = any(map(_hides, declarations))
    for declaration in declarations:
        if hides and _may_be_there_to_hide(declaration):
            continue
        name = declaration.name
        value = declaration.value
        offset = start + declaration.offset
        written = f"{where} {name}: {value}"
        if value.lower() not in initial_values().get(name, ()):
            yield named("property", name, value), FeatureUse(value, offset, written, tags)
        if declaration.important:
            # As it is written: to some clients the space in front matters.
            end = _IMPORTANT.search(css, declaration.offset)
            written = f"{written} !important"
            if end:
                written = f"{where} {css[declaration.offset : end.end()]}"
            yield ("css-important",), FeatureUse("!important", offset, written)


def _hides(declaration: Declaration) -> bool:
    return declaration.name in _HIDING and declaration.value in ("0", "0px", "none", "all")


def _may_be_there_to_hide(declaration: Declaration) -> bool:
    """Tell whether a declaration may only help to hide an element. `display: none` alone does."""
    if declaration.name == "display":
        return declaration.value != "none"
    return declaration.name in ("visibility", "overflow", *_HIDING)


@cache
def _clients_without(keyword: str) -> Sequence[str]:
    """Return the clients that drop an at-rule with all its content, and so lose nothing of the
    content.
    """
    if keyword not in ("media", "keyframes"):
        return ()
    return supports()[f"css-at-{keyword}"].clients_that("no")


def _uses_of_selectors(rule: StyleRule, start: int) -> _Uses:
    if any(around.keyword.endswith("keyframes") for around in rule.within):
        return  # "from" and "50%" are no selectors
    parts = {"&": "&"} if rule.nested else {}
    for selector in rule.selectors:
        for compound in selector.compounds:
            parts |= _parts_of(compound)
        parts |= dict.fromkeys(selector.combinators, str(selector))
    if rule.nested:
        parts.pop("*", None)  # "&" alone reads as "*"
    for part, written in sorted(parts.items()):
        yield named("selector", part), FeatureUse(part, start + rule.offset, f"sheet {written}")


def _parts_of(compound: Compound) -> dict[str, str]:
    """Return what may be a feature of a compound, each with the whole compound as CSS."""
    written = str(compound)
    parts = {f":{pseudo}": written for pseudo in compound.pseudos}
    if compound.attributes:
        parts["[]"] = written
    if len(compound.names) > 1:
        parts[".."] = written
    if not written:
        parts["*"] = written
    return parts


def _is_optional(rule: StyleRule) -> bool:
    texts = [f"{at_rule.keyword} {at_rule.prelude}" for at_rule in rule.within]
    for selector in rule.selectors:
        texts += selector.attribute_names()
    for text in texts:
        if any(offered in text for offered in _OFFERED):
            return True
    return bool(rule.selectors) and all(map(is_of_one_client, rule.selectors))


def is_of_one_client(selector: Selector) -> bool:
    """Tell whether a selector is for the markup that a single client makes of a mail."""
    names = selector.attribute_names()
    names.update(name[1:] for name in selector.names)
    of_gmail = selector.compounds[0].tag == "u" and selector.combinators[:1] == ("+",)
    return of_gmail or not names.isdisjoint(_OF_ONE_CLIENT)
