"""Which features the stylesheets of an author use: at-rules, selectors, and declarations with what they are for."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import chain

from keyturn.emails.lint.clients import features
from keyturn.emails.lint.clients.clients import supports
from keyturn.emails.lint.clients.features import FeatureUse
from keyturn.emails.lint.css.selectors import Compound
from keyturn.emails.lint.css.stylesheets import AtRule, Declaration, Rule, read_stylesheet
from keyturn.emails.lint.document import Document
from keyturn.emails.lint.markup.authored_html import AuthoredStyle

# What stands inside is for clients that know it, so it cannot be lost on the others.
_OFFERED = ("supports", "prefers-", "data-ogs", "moz-text-html")

# Names by which one client's own markup is met: such rules are for that client alone.
_OF_ONE_CLIENT = frozenset(
    (
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
)

# What hides without `visibility` and `overflow`, as hidden preheaders do.
_HIDING = ("display", "mso-hide", "max-height", "opacity", "font-size", "height", "width")

_IMPORTANT = re.compile(r"!\s*important\b", re.IGNORECASE)


def stylesheet_uses(document: Document, style: AuthoredStyle) -> Iterator[FeatureUse]:
    """Yield the uses in one stylesheet, with offsets in the mail's markup."""
    sheet = read_stylesheet(style.css)
    if not style.inlined and (sheet.rules or sheet.at_rules):
        body = document.body
        place = "body" if body is not document.root and style.offset in body.inner else "head"
        yield FeatureUse("html-style", place, style.offset, f"style element in {place}")
    found: list[Iterable[FeatureUse]] = [_of_at_rule(at_rule) for at_rule in sheet.at_rules]
    for rule in sheet.rules:
        if not _is_optional(rule):
            uses = [] if style.inlined else [*_of_selectors(rule)]
            unread_by = frozenset(client for around in rule.within for client in _clients_without(around.keyword))
            uses += _of_declarations(document, style.css, rule)
            found.append(replace(use, unread_by=unread_by) for use in uses)
    for use in chain.from_iterable(found):
        yield replace(use, offset=style.offset + use.offset)


def declaration_uses(
    css: str, declarations: Iterable[Declaration], where: str, elements: Callable[[], frozenset[str]]
) -> Iterator[FeatureUse]:
    """Yield the uses in some declarations, with offsets in `css`. `elements` are those that have them."""
    declarations = tuple(declarations)
    hidden = any(one.name in _HIDING and one.value in ("0", "0px", "none", "all") for one in declarations)
    for one in declarations:
        if hidden and one.name in ("visibility", "overflow", *_HIDING) and (one.name, one.value) != ("display", "none"):
            continue
        written = f"{where} {one.name}: {one.value}"
        for slug in features.of_declaration(one.name, one.value):
            yield FeatureUse(slug, one.value, one.offset, written, _elements_for(slug, elements))
        if one.important:
            yield FeatureUse("css-important", "!important", one.offset, f"{where} {_as_written(css, one)}")


def _elements_for(slug: str, elements: Callable[[], frozenset[str]]) -> frozenset[str]:
    return elements() if features.features()[slug].on else frozenset()


def _as_written(css: str, declaration: Declaration) -> str:
    """Return a declaration that is important, up to that word: whether a space stands before it matters to some."""
    found = _IMPORTANT.search(css, declaration.offset)
    return css[declaration.offset : found.end()] if found else f"{declaration.name}: {declaration.value} !important"


def _of_at_rule(at_rule: AtRule) -> Iterator[FeatureUse]:
    around = "".join(f" inside @{above.keyword} {above.prelude}" for above in at_rule.within)
    for slug in features.of_at_rule(f"{at_rule.keyword} {at_rule.prelude}"):
        yield FeatureUse(slug, at_rule.prelude, at_rule.offset, f"sheet @{at_rule.keyword} {at_rule.prelude}{around}")


def _of_declarations(document: Document, css: str, rule: Rule) -> Iterable[FeatureUse]:
    @cache
    def elements() -> frozenset[str]:
        nodes = (node for node in document.drawn.walk() if node.tag)
        return frozenset(node.tag for node in nodes if any(one.matches(node) for one in rule.selectors))

    return declaration_uses(css, rule.declarations, "sheet", elements)


@cache
def _clients_without(keyword: str) -> tuple[str, ...]:
    """Return who drops what stands in an at-rule: nothing in it can be lost on them."""
    feature = {"media": "css-at-media", "keyframes": "css-at-keyframes"}.get(keyword)
    return tuple(supports()[feature].clients_that("no")) if feature else ()


def _of_selectors(rule: Rule) -> Iterator[FeatureUse]:
    if any(around.keyword.endswith("keyframes") for around in rule.within):
        return  # "from" and "50%" are no selectors
    parts: dict[str, str] = {"&": "&"} if rule.nested else {}
    for selector in rule.selectors:
        parts |= {part: str(one) for one in selector.compounds for part in _parts_of(one, nested=rule.nested)}
        parts |= dict.fromkeys(selector.combinators, str(selector))
    for part, written in sorted(parts.items()):
        for slug in features.of_selector_part(part):
            yield FeatureUse(slug, part, rule.offset, f"sheet {written}")


def _parts_of(compound: Compound, *, nested: bool) -> Iterator[str]:
    yield from (f":{pseudo}" for pseudo in compound.pseudos)
    if compound.attributes:
        yield "[]"
    if len(compound.classes) + bool(compound.id) > 1:
        yield ".."
    if not str(compound) and not nested:
        yield "*"


def _is_optional(rule: Rule) -> bool:
    around = " ".join(f"{at_rule.keyword} {at_rule.prelude}" for at_rule in rule.within)
    names = " ".join(name for selector in rule.selectors for name in selector.attribute_names())
    if any(offered in f"{around} {names}" for offered in _OFFERED):
        return True
    return bool(rule.selectors) and all(
        _OF_ONE_CLIENT
        & {name for one in selector.compounds for name in (*one.classes, one.id, *selector.attribute_names())}
        or (selector.compounds[0].tag == "u" and selector.combinators[:1] == ("+",))  # which Gmail alone draws so
        for selector in rule.selectors
    )
