"""Features of CSS, HTML and images that a mail uses, and which of them a client lacks.

`data/features.toml` says how each feature is recognised. Only what the author wrote counts, not what MJML adds. A
client's gap follows from its verdict and from those of its notes that concern this use.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from keyturn.mail.rendering.html_tree import Element
from keyturn.studio.gallery.variables.plausible_texts import is_placeholder
from keyturn.studio.lint.addresses import split_address
from keyturn.studio.lint.clients.clients import Support, supports
from keyturn.studio.lint.css.stylesheets import (
    AtRule,
    Compound,
    Declaration,
    Selector,
    StyleRule,
    read_style,
    read_stylesheet,
)
from keyturn.studio.lint.document import AuthoredStyle, Document
from keyturn.studio.lint.finding import Severity
from keyturn.studio.lint.markup.conditional_comments import parts_not_for_word

_USUAL_TYPES = {"input": "text", "button": "submit"}
"""Default types of elements (HTML, 4.10.5 and 4.10.6)."""


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Says how a feature is recognised in a mail. See the head of `data/features.toml` for what each field means."""

    property: str = ""
    value: str = ""
    selector: str = ""
    at: str = ""
    tag: str = ""
    attribute: str = ""
    image: str = ""
    mjml: str = ""
    partial: str | None = None
    when: dict[str, str] = {}
    on: dict[str, str] = {}
    graceful: bool | str = False
    effect: str = "ignored"
    fix: str = ""
    in_html: str = ""

    def is_graceful(self, value: str) -> bool:
        return self.graceful if isinstance(self.graceful, bool) else bool(re.search(self.graceful, value))


class FeatureUse(Struct, frozen=True):
    """A use of a feature.

    `offset` counts characters of the markup. `written` is its text behind the kind of its place: "style color: red",
    "sheet @media print", "<input type=radio>". `value` is the value alone. `elements`: tags of the elements that use
    it, if known. `unread_by`: clients that never read this place.
    """

    feature: str
    value: str
    offset: int
    written: str = ""
    elements: frozenset[str] = frozenset()
    unread_by: frozenset[str] = frozenset()


@cache
def features() -> Mapping[str, Feature]:
    file = Path(__file__).parent / "data/features.toml"
    return msgspec.convert(tomllib.loads(file.read_text("utf-8")), dict[str, Feature])


@lru_cache(4096)
def of_declaration(name: str, value: str) -> tuple[str, ...]:
    return tuple(
        slug
        for slug, feature in _known_by_css()
        if re.fullmatch(feature.property or ".*", name) and re.search(feature.value, value, re.IGNORECASE)
    )


@lru_cache(1024)
def of_selector_part(part: str) -> tuple[str, ...]:
    return tuple(slug for slug, one in features().items() if one.selector and re.fullmatch(one.selector, part))


@lru_cache(1024)
def of_at_rule(rule: str) -> tuple[str, ...]:
    return tuple(slug for slug, one in features().items() if one.at and re.search(one.at, rule))


def of_tag(tag: str, written: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the features of an HTML start tag, each with its attribute, if any."""
    attributes = {"type": _USUAL_TYPES[tag], **written} if tag in _USUAL_TYPES else written
    for slug, feature in _known_by_html(tag):
        if not feature.attribute:
            yield slug, ""
        elif feature.attribute in attributes and re.search(feature.value, attributes[feature.attribute]):
            yield slug, feature.attribute


def of_image(address: str) -> Iterator[str]:
    if is_placeholder(address):
        return iter(())
    data = address.startswith("data:")
    suffix = "data:" if data else Path(split_address(address).path).suffix.lstrip(".").lower()
    return (slug for slug, one in features().items() if one.image and suffix and re.fullmatch(one.image, suffix))


@lru_cache(1024)
def of_mjml(tag: str, attribute: str = "") -> tuple[str, ...]:
    """Return the features that MJML needs for an element, or for an attribute of it."""
    used = f"{tag} {attribute}".strip()
    return tuple(slug for slug, feature in features().items() if feature.mjml == used)


@cache
def _known_by_css() -> tuple[tuple[str, Feature], ...]:
    return tuple((slug, one) for slug, one in features().items() if one.property or (one.value and not one.attribute))


@lru_cache(1024)
def _known_by_html(tag: str) -> tuple[tuple[str, Feature], ...]:
    known = ((slug, feature) for slug, feature in features().items() if feature.tag or feature.attribute)
    return tuple((slug, feature) for slug, feature in known if not feature.tag or re.fullmatch(feature.tag, tag))


# MJML renders these itself with tables, attributes and VML.
_COMPILED_BY_MJML = ("height", "width", "background", "align", "vertical-align", "direction")

# Clients that render with Word, and so skip conditional comments for other clients.
_WORD = frozenset(("outlook/windows", "outlook/windows-mail"))


def feature_uses(document: Document) -> Iterator[FeatureUse]:
    hidden_from_word = parts_not_for_word(str(document.markup))
    for use in _all_uses(document):
        if any(use.offset in part for part in hidden_from_word):
            yield replace(use, unread_by=use.unread_by | _WORD)
        else:
            yield use


def _all_uses(document: Document) -> Iterator[FeatureUse]:
    for element in document.elements():
        if element.tag.startswith("mj"):
            yield from _uses_of_element(element)
    for tag in document.html_elements():
        yield from _uses_of_tag(tag)
    for style in document.authored_styles():
        yield from stylesheet_uses(document, style)


def _uses_of_element(element: Element) -> Iterator[FeatureUse]:
    tag = frozenset((element.tag,))
    for slug in of_mjml(element.tag):
        yield FeatureUse(slug, "", element.offset, f"<{element.tag}>", tag)
    for name, attribute in element.attributes.items():
        written = f"{element.tag} {name}: {attribute.value}"
        for slug in of_mjml(element.tag, name):
            yield FeatureUse(slug, attribute.value, attribute.offset, written, tag)
        if not name.startswith(_COMPILED_BY_MJML) or name.endswith("color"):
            for slug in of_declaration(name, attribute.value):
                yield FeatureUse(slug, attribute.value, attribute.offset, written, tag)
    if element.tag in ("mj-image", "mj-social-element") and "src" in element.attributes:
        for slug in of_image(element.get("src")):
            source = element.attributes["src"]
            yield FeatureUse(slug, source.value, source.offset, f"{element.tag} src: {source.value}", tag)


def _uses_of_tag(tag: Element) -> Iterator[FeatureUse]:
    values, elements = {name: attribute.value for name, attribute in tag.attributes.items()}, frozenset((tag.tag,))
    written = f"<{' '.join([tag.tag, *(f'{name}={value}' for name, value in values.items())])}>"
    for slug, attribute in of_tag(tag.tag, values):
        place = tag.attributes[attribute].offset if attribute in tag.attributes else tag.offset
        yield FeatureUse(slug, values.get(attribute, tag.tag), place, written, elements)
    if tag.tag == "img":
        for slug in of_image(values.get("src", "")):
            yield FeatureUse(slug, values["src"], tag.attributes["src"].offset, f"img src: {values['src']}", elements)
    if "style" in tag.attributes:
        style, base = values["style"], tag.attributes["style"].value_offset
        for use in declaration_uses(style, read_style(style), "style", lambda: elements):
            yield replace(use, offset=base + use.offset)


# Rules inside these are meant for clients that support them. Other clients lose nothing.
_OFFERED = ("supports", "prefers-", "data-ogs", "moz-text-html")

# Names in the markup of a single client: such rules are for that client alone.
_OF_ONE_CLIENT = frozenset(
    ("x-apple-data-detectors", "owa", "outlook", "ExternalClass", "ReadMsgBody", "MessageViewBody", "MessageWebViewDiv",
     "yshortcuts", "appleLinks", "unstyle-auto-detected-links", "aBn", "a6S", "im")
)  # fmt: skip

# Properties that hide an element as well as `visibility` and `overflow` do, as in preheaders.
_HIDING = ("display", "mso-hide", "max-height", "opacity", "font-size", "height", "width")

_IMPORTANT = re.compile(r"!\s*important\b", re.IGNORECASE)


def stylesheet_uses(document: Document, style: AuthoredStyle) -> Iterator[FeatureUse]:
    sheet = read_stylesheet(style.css)
    if not style.inlined and (sheet.rules or sheet.at_rules):
        body = document.body
        place = "body" if body is not document.root and style.offset in body.inner else "head"
        yield FeatureUse("html-style", place, style.offset, f"style element in {place}")
    all_uses = [use for at_rule in sheet.at_rules for use in _uses_of_at_rule(at_rule)]
    for rule in sheet.rules:
        if not _is_optional(rule):
            uses = [] if style.inlined else [*_of_selectors(rule)]
            unread_by = frozenset(client for around in rule.within for client in _clients_without(around.keyword))
            uses += _of_declarations(document, style.css, rule)
            all_uses += [replace(use, unread_by=unread_by) for use in uses]
    for use in all_uses:
        yield replace(use, offset=style.offset + use.offset)


def declaration_uses(
    css: str, declarations: Iterable[Declaration], where: str, elements: Callable[[], frozenset[str]]
) -> Iterator[FeatureUse]:
    """Yield the uses in declarations, with offsets in `css`. `elements` returns the tags that have them."""
    declarations = tuple(declarations)
    hidden = any(one.name in _HIDING and one.value in ("0", "0px", "none", "all") for one in declarations)
    for one in declarations:
        if hidden and one.name in ("visibility", "overflow", *_HIDING) and (one.name, one.value) != ("display", "none"):
            continue
        written = f"{where} {one.name}: {one.value}"
        for slug in of_declaration(one.name, one.value):
            yield FeatureUse(slug, one.value, one.offset, written, elements() if features()[slug].on else frozenset())
        if one.important:
            yield FeatureUse("css-important", "!important", one.offset, f"{where} {_as_written(css, one)}")


def _as_written(css: str, declaration: Declaration) -> str:
    """Return a declaration up to "!important": to some clients the space in front matters."""
    match = _IMPORTANT.search(css, declaration.offset)
    return css[declaration.offset : match.end()] if match else f"{declaration.name}: {declaration.value} !important"


def _uses_of_at_rule(at_rule: AtRule) -> Iterator[FeatureUse]:
    around = "".join(f" inside @{above.keyword} {above.prelude}" for above in at_rule.within)
    for slug in of_at_rule(f"{at_rule.keyword} {at_rule.prelude}"):
        yield FeatureUse(slug, at_rule.prelude, at_rule.offset, f"sheet @{at_rule.keyword} {at_rule.prelude}{around}")


def _of_declarations(document: Document, css: str, rule: StyleRule) -> Iterable[FeatureUse]:
    @cache
    def elements() -> frozenset[str]:
        nodes = (node for node in document.compiled.walk() if node.tag)
        return frozenset(node.tag for node in nodes if any(one.matches(node) for one in rule.selectors))

    return declaration_uses(css, rule.declarations, "sheet", elements)


@cache
def _clients_without(keyword: str) -> tuple[str, ...]:
    """Return the clients that drop an at-rule with all its content, and so lose nothing of the content."""
    feature = {"media": "css-at-media", "keyframes": "css-at-keyframes"}.get(keyword)
    return tuple(supports()[feature].clients_that("no")) if feature else ()


def _of_selectors(rule: StyleRule) -> Iterator[FeatureUse]:
    if any(around.keyword.endswith("keyframes") for around in rule.within):
        return  # "from" and "50%" are no selectors
    parts: dict[str, str] = {"&": "&"} if rule.nested else {}
    for selector in rule.selectors:
        parts |= {part: str(one) for one in selector.compounds for part in _parts_of(one, nested=rule.nested)}
        parts |= dict.fromkeys(selector.combinators, str(selector))
    for part, written in sorted(parts.items()):
        for slug in of_selector_part(part):
            yield FeatureUse(slug, part, rule.offset, f"sheet {written}")


def _parts_of(compound: Compound, *, nested: bool) -> Iterator[str]:
    yield from (f":{pseudo}" for pseudo in compound.pseudos)
    if compound.attributes:
        yield "[]"
    if len(compound.classes) + bool(compound.id) > 1:
        yield ".."
    if not str(compound) and not nested:
        yield "*"


def _is_optional(rule: StyleRule) -> bool:
    around = " ".join(f"{at_rule.keyword} {at_rule.prelude}" for at_rule in rule.within)
    names = " ".join(name for selector in rule.selectors for name in selector.attribute_names())
    if any(offered in f"{around} {names}" for offered in _OFFERED):
        return True
    return bool(rule.selectors) and all(map(is_of_one_client, rule.selectors))


def is_of_one_client(selector: Selector) -> bool:
    """Tell whether a selector is for the markup that a single client makes of a mail."""
    names = {name for one in selector.compounds for name in (*one.classes, one.id, *selector.attribute_names())}
    of_gmail = selector.compounds[0].tag == "u" and selector.combinators[:1] == ("+",)
    return of_gmail or not _OF_ONE_CLIENT.isdisjoint(names)


_OTHER_ACCOUNTS = re.compile(r"non[- ](?:google|gmail|outlook)[- ]accounts?", re.IGNORECASE)
"""Accounts of other providers in Gmail's and Outlook's apps: their gaps depend on neither value nor element."""

_BARE_TYPES_ALONE = re.compile(r"only supported on type selectors", re.IGNORECASE)
_NOT_A_BARE_TYPE = re.compile(r"[.#\[*]|^sheet :")


class Gap(NamedTuple):
    """A client that lacks a feature or a part of it. `note`: the number of the note on it, or empty."""

    client: str
    support: Literal["no", "partial"]
    note: str = ""


def gaps(use: FeatureUse, feature: Feature, support: Support, clients: Iterable[str]) -> Iterator[Gap]:
    """Yield the clients that lack this use. Clients that never read its place are left out."""
    for client in clients:
        verdict, notes = support.verdicts[client], support.noted.get(client, ())
        if client in use.unread_by:
            continue
        if verdict == "no":
            yield Gap(client, "no", next(iter(notes), ""))
        elif verdict == "partial":
            those = [gap for gap in (_of_note(use, feature, support, client, note) for note in notes or ("",)) if gap]
            yield from sorted(those, key=lambda gap: gap.support)[:1]


def severity_of(use: FeatureUse, feature: Feature, all_gaps: Iterable[Gap]) -> Severity:
    """Return the severity of a use with these gaps, as `note_if` says."""
    return "warning" if not feature.is_graceful(use.value) and any(gap.support == "no" for gap in all_gaps) else "note"


def note_if(feature: Feature, support: Support) -> str:
    """Say when findings on a feature are notes, unless they always are."""
    partly = (support.noted.get(client, ()) or ("",) for client in support.clients_that("partial"))
    has_parts = any(_kind_of(feature, support, note) == "partial" for note in chain.from_iterable(partly))
    whole = ["the mail stays whole without this value"] if feature.graceful else []
    return " or ".join([*whole, *(["the chosen clients lack only a part of it"] if has_parts else [])])


def _of_note(use: FeatureUse, feature: Feature, support: Support, client: str, note: str) -> Gap | None:
    kind, depends = _kind_of(feature, support, note), note in feature.when or note in feature.on
    if depends:
        concerns = _is_about(use, feature, note)
    elif kind == "partial":
        concerns = True
    elif _BARE_TYPES_ALONE.search(support.notes.get(note, "")):
        concerns = bool(_NOT_A_BARE_TYPE.search(use.written))
    else:
        concerns = bool(re.search(feature.partial or "", use.value))
    return Gap(client, kind, note) if concerns else None


def _kind_of(feature: Feature, support: Support, note: str) -> Literal["no", "partial"]:
    """Return what a client lacks that has this note, where the note is about a use."""
    text, is_named = support.notes.get(note, ""), note in feature.when or note in feature.on
    if _OTHER_ACCOUNTS.search(text):
        return "partial"
    return "no" if is_named or feature.partial is not None or _BARE_TYPES_ALONE.search(text) else "partial"


def _is_about(use: FeatureUse, feature: Feature, note: str) -> bool:
    on = feature.on.get(note)
    return bool(re.search(feature.when.get(note, ""), use.written, re.IGNORECASE)) and (
        on is None or any(re.fullmatch(on, tag) for tag in use.elements)
    )
