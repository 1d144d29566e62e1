"""Rules that need no code: their row in `rules.toml` has the selector of what is wrong (`select`, `on`)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial

import tinycss2

from keyturn.mail.rendering.html_tree import Element
from keyturn.studio.lint.css.stylesheets import Selector, read_selectors
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.rules import RULES, Tree


def check_selected(document: Document) -> Iterator[Finding]:
    """Yield what is wrong in the HTML of the author, and in that which is sent."""
    yield from _selected(document, "authored", document.html_elements(), lambda element: element.offset)
    compiled = (node for node in document.drawn.walk() if node.tag)
    yield from _selected(document, "compiled", compiled, document.lookup.offset_of)


def check_selected_mjml(document: Document) -> Iterator[Finding]:
    yield from _selected(document, "mjml", document.elements(), lambda element: element.offset)


def _selected(
    document: Document, on: Tree, elements: Iterable[Element], offset_of: Callable[[Element], int]
) -> Iterator[Finding]:
    for element in elements:
        for rule, selector in _selectors(on).get(element.tag, ()):
            if selector.matches(element):
                parent = element.parent.tag if element.parent else ""
                case = next((one for one in (f"{parent} > {element.tag}", element.tag) if one in RULES[rule].fixes), "")
                lacking = [name for name, operator, _ in selector.compounds[-1].attributes if operator == "without"]
                find = partial(document.finding, offset_of(element), rule, case)
                yield find(tag=element.tag, parent=parent, name="".join(lacking))


@cache
def _selectors(on: Tree) -> Mapping[str, Sequence[tuple[str, Selector]]]:
    """Return the rules on a tree with their selectors, by the tag at the end of the selector."""
    found: dict[str, list[tuple[str, Selector]]] = defaultdict(list)
    for rule, row in RULES.items():
        if row.select and row.on == on:
            for selector in read_selectors(tinycss2.parse_component_value_list(row.select)):
                found[selector.compounds[-1].tag].append((rule, selector))
    return found
