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
from keyturn.studio.lint.css.selectors import Compound, Selector
from keyturn.studio.lint.css.stylesheets import (
    AtRule,
    Declaration,
    StyleRule,
    read_style,
    read_stylesheet,
)
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import ClientGap, Finding
from keyturn.studio.lint.markup.conditional_comments import parts_not_for_word

_USUAL_TYPES = {"input": "text", "button": "submit"}
"""The default types of elements (HTML, 4.10.5 and 4.10.6)."""


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
        if isinstance(self.graceful, bool):
            return self.graceful
        return bool(re.search(self.graceful, value))


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
_Uses = Iterator[tuple[Iterable[str], FeatureUse]]
"""Names of features with one use of them all."""


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
    if value is None:
        return [slug for slug, _ in known]
    return [slug for slug, one in known if re.search(one.value, value, re.IGNORECASE)]


@lru_cache(4096)
def _known(kind: _Kind, written: str) -> Sequence[tuple[str, Feature]]:
    fits = re.search if kind == "at" else re.fullmatch
    known = []
    for slug, feature in features().items():
        pattern = getattr(feature, kind)
        if pattern and fits(pattern, written):
            known.append((slug, feature))
    return known


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
    of_mjml = (one for one in document.elements() if one.tag.startswith("mj"))
    for element in chain(of_mjml, document.html_elements()):
        if element.tag.startswith("mj"):  # also one that is misplaced in HTML
            yield from _uses_of_mjml(element)
        else:
            yield from _uses_of_html(element)
    for css, start, is_inlined in document.authored_styles():
        yield from _uses_of_stylesheet(document, css, start, is_inlined)


def _start_tag(element: Element) -> str:
    attributes = (f" {name}={one.value}" for name, one in element.attributes.items())
    return f"<{element.tag}{''.join(attributes)}>"


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
    if style := element.attributes.get("style"):
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
        has_body = document.body is not document.root
        place = "body" if has_body and start in document.body.inner else "head"
        yield ("html-style",), FeatureUse(place, start, f"style element in {place}")
    for at_rule in sheet.at_rules:
        yield _use_of_at_rule(at_rule, start)
    for rule in sheet.rules:
        if _is_optional(rule):
            continue
        keywords = (around.keyword for around in rule.within)
        unread_by = frozenset(chain.from_iterable(map(_clients_without, keywords)))
        tags = cache(partial(_selected_tags, document, rule))
        uses = _uses_of_declarations(css, start, rule.declarations, "sheet", tags)
        if not is_inlined:
            uses = chain(_uses_of_selectors(rule, start), uses)
        for slugs, use in uses:
            yield slugs, replace(use, unread_by=unread_by)


def _use_of_at_rule(at_rule: AtRule, start: int) -> tuple[Iterable[str], FeatureUse]:
    written = f"{at_rule.keyword} {at_rule.prelude}"
    around = "".join(f" inside @{above.keyword} {above.prelude}" for above in at_rule.within)
    use = FeatureUse(at_rule.prelude, start + at_rule.offset, f"sheet @{written}{around}")
    return named("at", written), use


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
    hides = any(
        one.name in _HIDING and one.value in ("0", "0px", "none", "all") for one in declarations
    )
    for one in declarations:
        may_hide = one.name in ("visibility", "overflow", *_HIDING)
        if hides and may_hide and (one.name, one.value) != ("display", "none"):
            continue
        offset = start + one.offset
        written = f"{where} {one.name}: {one.value}"
        if one.value.lower() not in initial_values().get(one.name, ()):
            slugs = named("property", one.name, one.value)
            yield slugs, FeatureUse(one.value, offset, written, tags)
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
    feature = features()[slug]
    support = supports()[slug]
    lacking: dict[str, str] = {}
    partly: dict[str, str] = {}
    for client in clients:
        if client in use.unread_by:
            continue
        level = support.verdicts[client]
        notes = support.noted.get(client) or ("",)
        if level == "no":
            lacking[client] = notes[0]
        if level != "partial":
            continue
        about = [note for note in notes if _concerns(note, use, feature, support)]
        of_whole = [note for note in about if _is_of_whole(note, feature, support)]
        if of_whole:
            lacking[client] = of_whole[0]
        elif about:
            partly[client] = about[0]
    return lacking, partly


def _concerns(note: str, use: FeatureUse, feature: Feature, support: Support) -> bool:
    if note in feature.when or note in feature.on:
        if not re.search(feature.when.get(note, ""), use.written, re.IGNORECASE):
            return False
        if note not in feature.on:
            return True
        return any(re.fullmatch(feature.on[note], tag) for tag in use.tags())
    if not _is_of_whole(note, feature, support):
        return True
    return bool(re.search(feature.partial or "", use.value))


def _is_of_whole(note: str, feature: Feature, support: Support) -> bool:
    """Tell whether a client with this note lacks the whole feature in the uses that it concerns."""
    depends = note in feature.when or note in feature.on or feature.partial is not None
    return depends and not _OTHER_ACCOUNTS.search(support.notes.get(note, ""))


_WITHOUT = "Check that the mail also works without it."
_VERDICT_WORD = re.compile(r"^(?:Partial|Buggy|Supported|Not supported)[.,:] (?:But )?")
_MARKDOWN_LINK = re.compile(r"\[([^][]*)\]\([^)[]*\)")


def check_compatibility(document: Document, clients: tuple[str, ...] = MAJOR) -> Iterator[Finding]:
    """Yield features that these clients lack, once for each line.

    A note on other clients than a first note is yielded, too.
    """
    reported: dict[tuple[object, ...], Finding] = {}
    for slug, use in feature_uses(document):
        if finding := _finding_on(document, slug, use, clients):
            noted = finding.clients if finding.severity == "note" else ()
            key = (slug, finding.place.file, finding.place.line, noted)
            reported.setdefault(key, finding)
    yield from reported.values()


def _finding_on(
    document: Document, slug: str, use: FeatureUse, chosen: tuple[str, ...]
) -> Finding | None:
    support = supports()[slug]
    feature = features()[slug]
    lacking, partly = gaps_of(slug, use, chosen)
    if not (lacking or partly):
        return None
    fix = feature.fix or _note(support, lacking) or _WITHOUT
    if feature.in_html and not document.files.is_mjml:
        fix = feature.in_html
    is_warning = bool(lacking) and not feature.is_graceful(use.value)
    gaps = [ClientGap(client, "no") for client in lacking]
    gaps += [ClientGap(client, "partial") for client in partly]
    return Finding(
        rule=f"compatibility/{slug}",
        severity="warning" if is_warning else "note",
        message=_message(use, lacking, partly, support, feature),
        fix=fix,
        place=document.place(use.offset),
        feature=slug,
        clients=tuple(gaps),
    )


def _message(
    use: FeatureUse, lacking: _Gap, partly: _Gap, support: Support, feature: Feature
) -> str:
    """Return what is lacking where.

    If the feature covers several elements, the message names the element.
    """
    is_of_tag = use.value and use.written.startswith((f"<{use.value}>", f"<{use.value} "))
    title = f"<{use.value}>" if is_of_tag else support.title.removesuffix(" property")
    effects = []
    if lacking:
        effects.append(f"{feature.effect} in {names_of([*lacking])}")
    if partly:
        why = _note(support, partly).rstrip(".")
        because = f" ({why})" if why else ""
        effects.append(f"only in part in {names_of([*partly])}{because}")
    return f"{title}: {', '.join(effects)}. {support.works[:1].upper()}{support.works[1:]}."


def _note(support: Support, gaps: _Gap) -> str:
    """Return the first note of Can I email on these gaps, as plain text."""
    notes = (support.notes[note] for note in gaps.values() if note in support.notes)
    return _VERDICT_WORD.sub("", _MARKDOWN_LINK.sub(r"\1", next(notes, "")))
