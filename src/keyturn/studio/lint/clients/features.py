"""Features of CSS, HTML and images that a mail uses, and the findings on those that a client lacks.

`data/features.toml` says how each is recognised. Only what the author wrote counts, not what MJML
adds.
"""

import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from keyturn.hosts import split_address
from keyturn.mail.rendering.html_tree import Element
from keyturn.studio.gallery.variables.plausible_texts import is_placeholder
from keyturn.studio.lint.clients.clients import MAJOR, Support, names_of, supports
from keyturn.studio.lint.css.stylesheets import (
    Declaration,
    Selector,
    StyleRule,
    read_style,
    read_stylesheet,
)
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import ClientGap, Finding
from keyturn.studio.lint.markup.conditional_comments import parts_not_for_word

_USUAL_TYPES = {
    "input": "text",
    "button": "submit",
}  # default types of elements (HTML, 4.10.5 and 4.10.6)


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Says how a feature is recognised in a mail.

    See the head of `data/features.toml` for what each field means.
    """

    property: str = ""
    value: str = ""
    selector: str = ""
    at: str = ""
    element: str = ""
    image: str = ""
    partial: str | None = None
    when: dict[str, str] = {}
    on: dict[str, str] = {}
    graceful: bool | str = False
    effect: str = "ignored"
    fix: str = ""
    in_html: str = ""

    def is_graceful(self, value: str) -> bool:
        return (
            self.graceful
            if isinstance(self.graceful, bool)
            else bool(re.search(self.graceful, value))
        )


class FeatureUse(Struct, frozen=True):
    """A place that uses features. `offset` counts characters of the markup.

    `written` is its text behind the kind of its place: "style color: red", "sheet @media print",
    "<input type=radio>". `tags` returns the tags of the elements that use it, if known.
    `unread_by`: clients that never read this place.
    """

    value: str
    offset: int
    written: str = ""
    tags: Callable[[], Collection[str]] = tuple
    unread_by: frozenset[str] = frozenset()


_Kind = Literal["property", "selector", "at", "element", "image"]
_Uses = Iterator[tuple[Iterable[str], FeatureUse]]  # features with a use of them all


@cache
def features() -> Mapping[str, Feature]:
    file = Path(__file__).parent / "data/features.toml"
    return msgspec.convert(tomllib.loads(file.read_text("utf-8")), dict[str, Feature])


@cache
def initial_values() -> Mapping[str, Sequence[str]]:
    """Return the values by property that change nothing."""
    file = Path(__file__).parent / "data/initial-values.toml"
    return tomllib.loads(file.read_text("utf-8"))


def named(kind: _Kind, written: str, value: str | None = None) -> Sequence[str]:
    """Return the features whose pattern of a kind fits what is written.

    `value`: that of a property or an attribute.
    """
    known = _known(kind, written)
    return [
        slug for slug, one in known if value is None or re.search(one.value, value, re.IGNORECASE)
    ]


@lru_cache(4096)
def _known(kind: _Kind, written: str) -> Sequence[tuple[str, Feature]]:
    fits = re.search if kind == "at" else re.fullmatch
    patterns = ((slug, one, getattr(one, kind)) for slug, one in features().items())
    return [(slug, one) for slug, one, pattern in patterns if pattern and fits(pattern, written)]


_COMPILED_BY_MJML = (
    "height",
    "width",
    "background",
    "align",
    "vertical-align",
    "direction",
)  # to attributes and VML
_WORD = frozenset(
    ("outlook/windows", "outlook/windows-mail")
)  # they skip conditional comments for other clients


def feature_uses(document: Document) -> Iterator[tuple[str, FeatureUse]]:
    """Yield the features of a mail, each with its use."""
    hidden_from_word = parts_not_for_word(str(document.markup))
    of_mjml = (one for one in document.elements() if one.tag.startswith("mj"))
    of_elements = chain.from_iterable(
        map(_uses_of_element, chain(of_mjml, document.html_elements()))
    )
    of_sheets = (
        _uses_of_stylesheet(document, css, start, inlined)
        for css, start, inlined in document.authored_styles()
    )
    for slugs, use in chain(of_elements, chain.from_iterable(of_sheets)):
        hidden = any(use.offset in part for part in hidden_from_word)
        seen = replace(use, unread_by=use.unread_by | _WORD) if hidden else use
        yield from ((slug, seen) for slug in slugs)


def _uses_of_element(element: Element) -> _Uses:
    tag, tags, is_mjml = element.tag, partial(tuple, [element.tag]), element.tag.startswith("mj")
    values = {name: attribute.value for name, attribute in element.attributes.items()}
    written = f"<{' '.join([tag, *(f'{name}={value}' for name, value in values.items())])}>"
    yield named("element", tag), FeatureUse("" if is_mjml else tag, element.offset, written, tags)
    for name, value in {
        **({"type": _USUAL_TYPES[tag]} if tag in _USUAL_TYPES else {}),
        **values,
    }.items():
        slugs = named("element", f"{tag} {name}", value)
        if is_mjml:
            written = f"{tag} {name}: {value}"
            is_compiled = name.startswith(_COMPILED_BY_MJML) and not name.endswith("color")
            slugs = [*slugs, *(() if is_compiled else named("property", name, value))]
        place = element.attributes[name].offset if name in values else element.offset
        yield slugs, FeatureUse(value, place, written, tags)
    address = element.get("src") if tag in ("img", "mj-image", "mj-social-element") else ""
    if address and not is_placeholder(address):
        suffix = (
            Path(split_address(address).path).suffix.lstrip(".").lower()
        )  # which tells the format
        slugs = named("image", "data:" if address.startswith("data:") else suffix)
        yield slugs, FeatureUse(address, element.attributes["src"].offset, f"{tag} src: {address}")
    if "style" in values and not is_mjml:
        style, start = values["style"], element.attributes["style"].value_offset
        yield from _uses_of_declarations(style, start, read_style(style), "style", tags)


_OFFERED = (
    "supports",
    "prefers-",
    "data-og",
    "moz-text-html",
)  # inside these, clients without support lose nothing
# Names in the markup of a single client: such rules are for that client alone.
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

# Properties that hide an element as well as `visibility` and `overflow` do, as in preheaders.
_HIDING = ("display", "mso-hide", "max-height", "opacity", "font-size", "height", "width")

_IMPORTANT = re.compile(r"!\s*important\b", re.IGNORECASE)


def _uses_of_stylesheet(document: Document, css: str, start: int, is_inlined: bool) -> _Uses:
    sheet = read_stylesheet(css)
    if not is_inlined and (sheet.rules or sheet.at_rules):
        place = (
            "body"
            if document.body is not document.root and start in document.body.inner
            else "head"
        )
        yield ("html-style",), FeatureUse(place, start, f"style element in {place}")
    for at in sheet.at_rules:
        written = f"{at.keyword} {at.prelude}"
        around = "".join(f" inside @{above.keyword} {above.prelude}" for above in at.within)
        yield (
            named("at", written),
            FeatureUse(at.prelude, start + at.offset, f"sheet @{written}{around}"),
        )
    for rule in sheet.rules:
        if not _is_optional(rule):
            unread_by = frozenset(
                client for around in rule.within for client in _clients_without(around.keyword)
            )
            tags = cache(partial(_selected_tags, document, rule))
            uses = _uses_of_declarations(css, start, rule.declarations, "sheet", tags)
            for slugs, use in chain(() if is_inlined else _uses_of_selectors(rule, start), uses):
                yield slugs, replace(use, unread_by=unread_by)


def _selected_tags(document: Document, rule: StyleRule) -> frozenset[str]:
    nodes = document.compiled.walk()
    return frozenset(node.tag for node in nodes if any(one.matches(node) for one in rule.selectors))


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
    hidden = any(
        one.name in _HIDING and one.value in ("0", "0px", "none", "all") for one in declarations
    )
    for one in declarations:
        if (
            hidden
            and one.name in ("visibility", "overflow", *_HIDING)
            and (one.name, one.value) != ("display", "none")
        ):
            continue
        offset, written = start + one.offset, f"{where} {one.name}: {one.value}"
        if one.value.lower() not in initial_values().get(one.name, ()):
            yield (
                named("property", one.name, one.value),
                FeatureUse(one.value, offset, written, tags),
            )
        if one.important:  # as it is written: to some clients the space in front matters
            end = _IMPORTANT.search(css, one.offset)
            written = f"{where} {css[one.offset : end.end()]}" if end else f"{written} !important"
            yield ("css-important",), FeatureUse("!important", offset, written)


@cache
def _clients_without(keyword: str) -> Sequence[str]:
    """Return the clients that drop an at-rule with all its content, and so lose nothing of the
    content.
    """
    feature = {"media": "css-at-media", "keyframes": "css-at-keyframes"}.get(keyword)
    return supports()[feature].clients_that("no") if feature else ()


def _uses_of_selectors(rule: StyleRule, start: int) -> _Uses:
    if any(around.keyword.endswith("keyframes") for around in rule.within):
        return  # "from" and "50%" are no selectors
    parts = {"&": "&"} if rule.nested else {}
    for selector in rule.selectors:
        for one in selector.compounds:
            bare = not (str(one) or rule.nested)
            signs = [
                sign
                for sign, used in (("[]", one.attributes), ("..", one.names[1:]), ("*", bare))
                if used
            ]
            parts |= dict.fromkeys([*signs, *(f":{pseudo}" for pseudo in one.pseudos)], str(one))
        parts |= dict.fromkeys(selector.combinators, str(selector))
    for part, written in sorted(parts.items()):
        yield named("selector", part), FeatureUse(part, start + rule.offset, f"sheet {written}")


def _is_optional(rule: StyleRule) -> bool:
    around = [f"{at_rule.keyword} {at_rule.prelude}" for at_rule in rule.within]
    names = [name for selector in rule.selectors for name in selector.attribute_names()]
    if any(offered in each for offered in _OFFERED for each in (*around, *names)):
        return True
    return bool(rule.selectors) and all(map(is_of_one_client, rule.selectors))


def is_of_one_client(selector: Selector) -> bool:
    """Tell whether a selector is for the markup that a single client makes of a mail."""
    names = {*selector.attribute_names(), *(name[1:] for name in selector.names)}
    of_gmail = selector.compounds[0].tag == "u" and selector.combinators[:1] == ("+",)
    return of_gmail or not _OF_ONE_CLIENT.isdisjoint(names)


_OTHER_ACCOUNTS = re.compile(r"non[- ](?:google|gmail|outlook)[- ]accounts?", re.IGNORECASE)
"""Accounts of other providers in Gmail's and Outlook's apps: their gaps depend on neither value nor
element.
"""
_Gap = Mapping[str, str]


def gaps_of(slug: str, use: FeatureUse, clients: Iterable[str]) -> tuple[_Gap, _Gap]:
    """Return the clients that lack a use, and those that lack a part of it, each with the number of
    the note, or "".
    """
    feature, support = features()[slug], supports()[slug]
    lacking, partly = dict[str, str](), dict[str, str]()
    for client in clients:
        verdict, notes = support.verdicts[client], support.noted.get(client) or ("",)
        if client in use.unread_by or verdict not in ("no", "partial"):
            continue
        about = [
            note for note in notes if verdict == "no" or _concerns(note, use, feature, support)
        ]
        of_whole = [
            note for note in about if verdict == "no" or _is_of_whole(note, feature, support)
        ]
        for note in (of_whole or about)[:1]:
            (lacking if of_whole else partly)[client] = note
    return lacking, partly


def _concerns(note: str, use: FeatureUse, feature: Feature, support: Support) -> bool:
    if note in feature.when or note in feature.on:
        is_written = re.search(feature.when.get(note, ""), use.written, re.IGNORECASE)
        is_on = note not in feature.on or any(
            re.fullmatch(feature.on[note], tag) for tag in use.tags()
        )
        return bool(is_written) and is_on
    return not _is_of_whole(note, feature, support) or bool(
        re.search(feature.partial or "", use.value)
    )


def _is_of_whole(note: str, feature: Feature, support: Support) -> bool:
    """Tell whether a client with this note lacks the whole feature
    where the note is about a use.
    """
    depends = note in feature.when or note in feature.on or feature.partial is not None
    return depends and not _OTHER_ACCOUNTS.search(support.notes.get(note, ""))


_WITHOUT = "Check that the mail also works without it."
_VERDICT_WORD = re.compile(r"^(?:Partial|Buggy|Supported|Not supported)[.,:] (?:But )?")
_MARKDOWN_LINK = re.compile(r"\[([^][]*)\]\([^)[]*\)")


def check_compatibility(document: Document, clients: tuple[str, ...] = MAJOR) -> Iterator[Finding]:
    """Yield features that these clients lack, once for each line.

    Notes on other clients count, too.
    """
    reported: dict[tuple[object, ...], Finding] = {}
    for slug, use in feature_uses(document):
        if finding := _finding_on(document, slug, use, clients):
            place, noted = finding.place, finding.clients if finding.severity == "note" else ()
            reported.setdefault((slug, place.file, place.line, noted), finding)
    yield from reported.values()


def _finding_on(
    document: Document, slug: str, use: FeatureUse, chosen: tuple[str, ...]
) -> Finding | None:
    support, feature = supports()[slug], features()[slug]
    lacking, partly = gaps_of(slug, use, chosen)
    if not (lacking or partly):
        return None
    return Finding(
        rule=f"compatibility/{slug}",
        severity="warning" if lacking and not feature.is_graceful(use.value) else "note",
        message=_message(use, lacking, partly, support, feature),
        fix=(not document.files.is_mjml and feature.in_html)
        or feature.fix
        or _note(support, lacking)
        or _WITHOUT,
        place=document.place(use.offset),
        feature=slug,
        clients=tuple(
            ClientGap(client, "no" if client in lacking else "partial")
            for client in (*lacking, *partly)
        ),
    )


def _message(
    use: FeatureUse, lacking: _Gap, partly: _Gap, support: Support, feature: Feature
) -> str:
    """Return what is lacking where.

    Of a feature that covers several elements, the element is named.
    """
    is_of_tag = use.value and use.written.startswith((f"<{use.value}>", f"<{use.value} "))
    title = f"<{use.value}>" if is_of_tag else support.title.removesuffix(" property")
    effects = [f"{feature.effect} in {names_of([*lacking])}"] if lacking else []
    if partly:
        why = _note(support, partly).rstrip(".")
        effects.append(f"only in part in {names_of([*partly])}" + (f" ({why})" if why else ""))
    return f"{title}: {', '.join(effects)}. {support.works[:1].upper()}{support.works[1:]}."


def _note(support: Support, gaps: _Gap) -> str:
    """Return the first note of Can I email on these gaps, as plain text."""
    notes = (support.notes[note] for note in gaps.values() if note in support.notes)
    return _VERDICT_WORD.sub("", _MARKDOWN_LINK.sub(r"\1", next(notes, "")))
