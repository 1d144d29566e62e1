"""Rules that need no code: their row in `rules.toml` has the selector of what is wrong (`select`, `on`)."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial

import tinycss2

from keyturn.mail.rendering.html_tree import Element
from keyturn.studio.lint.css.stylesheets import Selector, read_selectors
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.rules import RULES, Tree


def check_selectors(document: Document) -> Iterator[Finding]:
    """Yield what is wrong in the HTML of the author, and in that which is sent."""
    yield from _select(document, "authored", document.html_elements(), lambda element: element.offset)
    compiled = (node for node in document.compiled.walk() if node.tag)
    yield from _select(document, "compiled", compiled, document.lookup.offset_of)


def check_mjml_selectors(document: Document) -> Iterator[Finding]:
    yield from _select(document, "mjml", document.elements(), lambda element: element.offset)


def _select(
    document: Document, on: Tree, elements: Iterable[Element], offset_of: Callable[[Element], int]
) -> Iterator[Finding]:
    by_tag = _selectors(on)
    for element in elements:
        for rule, selector in (*by_tag.get(element.tag, ()), *by_tag.get("", ())):
            if not selector.matches(element):
                continue
            tag, parent, row = element.tag, element.parent.tag if element.parent else "", RULES[rule]
            case = next((one for one in (f"{parent} > {tag}", tag) if one in row.fixes), "")
            find = partial(document.finding, rule=rule, case=case, tag=tag, parent=parent)
            if row.attribute:
                named = [name for name in element.attributes if re.fullmatch(row.attribute, name, re.IGNORECASE)]
                yield from (find(element.attributes[name].offset, name=name) for name in named[:1])
            else:
                lacking = [name for name, operator, _ in selector.compounds[-1].attributes if operator == "without"]
                yield find(offset_of(element), name="".join(lacking))


@cache
def _selectors(on: Tree) -> Mapping[str, Sequence[tuple[str, Selector]]]:
    """Return the rules on a tree with their selectors, by the tag at the end of the selector."""
    by_tag: dict[str, list[tuple[str, Selector]]] = defaultdict(list)
    for rule, row in RULES.items():
        if row.select and row.on == on:
            for selector in read_selectors(tinycss2.parse_component_value_list(row.select)):
                by_tag[selector.compounds[-1].tag].append((rule, selector))
    return by_tag
