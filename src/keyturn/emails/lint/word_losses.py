"""What of a mail Outlook for Windows leaves out, and where its author wrote it; what MJML adds is no loss."""

from collections.abc import Iterator
from dataclasses import dataclass

from keyturn.emails.lint.clients import word
from keyturn.emails.lint.clients.feature_usage import feature_uses
from keyturn.emails.lint.clients.word import Lost
from keyturn.emails.lint.css.stylesheets import Rule, read_style, read_stylesheet
from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Place
from keyturn.emails.lint.markup.authored_html import AuthoredStyle
from keyturn.emails.lint.markup.conditionals import parts_not_for_word
from keyturn.mail.rendering.html_tree import Element


@dataclass(frozen=True, slots=True)
class Loss:
    """A feature that is lost, and the places that use it, each line once."""

    lost: Lost
    places: tuple[Place, ...]


def word_losses(document: Document) -> tuple[Loss, ...]:
    """Return what is lost, the most used first."""
    found: dict[str, dict[tuple[str, int], Place]] = {}
    for_others = parts_not_for_word(str(document.markup))
    for slug, offset in _uses(document):
        if any(offset in part for part in for_others):
            continue
        place = document.place(offset)
        found.setdefault(slug, {}).setdefault((place.file, place.line), place)
    losses = [Loss(word.lost(slug), tuple(places.values())) for slug, places in found.items()]
    return tuple(sorted(losses, key=lambda loss: (-len(loss.places), loss.lost.title.lower())))


def _uses(document: Document) -> Iterator[tuple[str, int]]:
    yield from (*_of_tags(document), *_of_styles(document))
    for one in feature_uses(document):
        # A picture is told as css-background, which has the way out.
        if one.feature != "css-background-image" and word.lacks(one):
            yield one.feature, one.offset


def _of_tags(document: Document) -> Iterator[tuple[str, int]]:
    for tag in document.html_elements():
        if slug := word.of_element(tag.tag, {name: one.value for name, one in tag.attributes.items()}):
            yield slug, tag.offset
        if style := tag.get("style"):
            yield from _of_style(tag, style)


def _of_style(tag: Element, style: str) -> Iterator[tuple[str, int]]:
    base = tag.attributes["style"].value_offset
    for one in read_style(style):
        slug = "css-important" if one.important else word.of_tag(tag.tag, one.name)
        if slug := slug or word.of_declaration(one.name, one.value):
            yield slug, base + one.offset


def _of_styles(document: Document) -> Iterator[tuple[str, int]]:
    for style in document.authored_styles():
        sheet = read_stylesheet(style.css)
        for at_rule in sheet.at_rules:
            if slug := word.of_at_rule(at_rule.keyword):
                yield slug, style.offset + at_rule.offset
        for rule in sheet.rules:
            if not rule.within:
                yield from _of_rule(rule, style)


def _of_rule(rule: Rule, style: AuthoredStyle) -> Iterator[tuple[str, int]]:
    of_selectors = list(filter(None, map(word.of_selector, rule.selectors)))
    if of_selectors and not style.inlined:
        yield of_selectors[0], style.offset + rule.offset
    if rule.selectors and len(of_selectors) == len(rule.selectors):
        return
    tags = {selector.compounds[-1].tag for selector in rule.selectors if selector.compounds}
    for one in rule.declarations:
        slug = word.of_declaration(one.name, one.value)
        of_tag = [word.of_tag(tag, one.name) for tag in tags if tag]
        if slug := slug or (of_tag[0] if of_tag and all(of_tag) and len(of_tag) == len(tags) else ""):
            yield slug, style.offset + one.offset
