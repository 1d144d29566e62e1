"""A mail as Outlook for Windows draws it, with Word: a model, made of what Can I email has tested.

What is for Word alone is in it, VML is drawn, and the CSS that Word does not know is gone, so that a browser draws what
is left. Word's own ways with tables, fonts and lines are not modelled.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import tinycss2
from tinycss2.ast import AtRule, Declaration, LiteralToken, QualifiedRule

from keyturn.emails.lint.clients import word
from keyturn.emails.lint.css.colours import read_ground
from keyturn.emails.lint.css.selectors import read_selectors
from keyturn.emails.lint.css.stylesheets import with_finite_integers
from keyturn.emails.lint.markup.conditionals import resolve_conditionals
from keyturn.emails.studio.frames.rewriting import Rewriting
from keyturn.emails.studio.frames.vml import draw_vml
from keyturn.mail.rendering.html_tree import Element

_FAMILY = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^,]*))""")
_TIMES = '"Times New Roman",serif'
_HEAD_END = re.compile(r"</head\s*>|<body\b", re.IGNORECASE)

_OWN: Mapping[str, Callable[[str], str]] = {
    "mso-padding-alt": lambda value: f"padding:{value}!important",
    "mso-hide": lambda value: "display:none!important" if value == "all" else "",
}
"""What Word alone reads, and how it is said to others."""

# What text has that no style is for, and what depends on the element.
_STYLE = f"<style>body{{font-family:{_TIMES}}}{word.TAG_RULES}</style>"


def simulate_word(html: str) -> str:
    """Return the HTML as Word reads it, for a browser to draw."""
    rewriting = Rewriting(resolve_conditionals(html))
    web_fonts = frozenset(_web_fonts(rewriting))
    for tag in rewriting.tags:
        if tag.tag == "style":
            rewriting.replace_inside(tag, _stylesheet(rewriting.source_inside(tag), web_fonts))
        elif tag.tag == "link":
            rewriting.set(tag, "rel", "")
        elif ":" in tag.tag:
            continue
        elif word.of_element(tag.tag, {name: one.value for name, one in tag.attributes.items()}):
            rewriting.set(tag, "style", "display:none!important")
        elif style := tag.get("style"):
            rewriting.set(tag, "style", _style_attribute(style, tag, web_fonts))
    html = draw_vml(rewriting.text())
    head = _HEAD_END.search(html)
    at = head.start() if head else 0
    return html[:at] + _STYLE + html[at:]


def _web_fonts(rewriting: Rewriting) -> Iterator[str]:
    """Yield the fonts that a mail asks Word to load, in lower case: by @font-face, or from Google's by a link."""
    for tag in rewriting.tags:
        if tag.tag == "link":
            query = parse_qsl(urlsplit(tag.get("href")).query)
            yield from (
                one.partition(":")[0].lower() for name, value in query if name == "family" for one in value.split("|")
            )
        elif tag.tag == "style":
            for rule in tinycss2.parse_stylesheet(
                with_finite_integers(rewriting.source_inside(tag)), skip_comments=True
            ):
                if isinstance(rule, AtRule) and rule.lower_at_keyword == "font-face" and rule.content:
                    for name, value, _ in _declarations(rule.content):
                        if name == "font-family":
                            yield value.strip("\"'").lower()


def _stylesheet(css: str, web_fonts: frozenset[str]) -> str:
    """Return the rules that count in Word, with the declarations that do."""
    kept = []
    for rule in tinycss2.parse_stylesheet(with_finite_integers(css), skip_comments=True, skip_whitespace=True):
        if isinstance(rule, QualifiedRule):
            selectors = [one for one in _split_at_commas(rule.prelude) if _counts(one)]
            inside = ";".join(_kept(_declarations(rule.content), web_fonts))
            if selectors and inside:
                kept.append(f"{','.join(map(tinycss2.serialize, selectors))}{{{inside}}}")
    return "\n".join(kept)


def _style_attribute(style: str, tag: Element, web_fonts: frozenset[str]) -> str:
    said = [one for one in _declarations(with_finite_integers(style)) if not one[2]]
    if tag.tag == "img":  # the attribute counts
        said = [one for one in said if one[0] != "width"]
    return ";".join(_kept(said, web_fonts))


def _counts(selector: list[Any]) -> bool:
    read = read_selectors(selector)
    return bool(read) and not any(map(word.of_selector, read))


def _kept(declarations: Iterable[tuple[str, str, bool]], web_fonts: frozenset[str]) -> Iterator[str]:
    for name, value, important in declarations:
        end = "!important" if important else ""
        slug = word.of_declaration(name, value)
        if slug == "css-background" and name == "background" and (ground := read_ground(value)) and ground.alpha:
            yield f"background-color:{ground.css}{end}"
        elif name in _OWN:
            yield _OWN[name](value)
        elif not slug and name == "font-family" and _first_family(value) in web_fonts:
            yield f"font-family:{_TIMES}{end}"
        elif not slug:
            yield f"{name}:{value}{end}"


def _first_family(value: str) -> str:
    found = _FAMILY.match(value)
    return next(filter(None, found.groups()), "").strip().lower() if found else ""


def _declarations(content: list[Any] | str) -> Iterator[tuple[str, str, bool]]:
    """Yield name, value, and whether it is important."""
    nodes = tinycss2.parse_blocks_contents(content, skip_comments=True)
    for node in nodes:
        if isinstance(node, Declaration):
            yield node.lower_name, tinycss2.serialize(node.value).strip(), bool(node.important)


def _split_at_commas(tokens: list[Any]) -> list[list[Any]]:
    groups: list[list[Any]] = [[]]
    for token in tokens:
        if isinstance(token, LiteralToken) and token.value == ",":
            groups.append([])
        else:
            groups[-1].append(token)
    return groups
