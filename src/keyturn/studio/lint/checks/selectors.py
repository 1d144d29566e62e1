"""Rules that need no code: their row in `rules.toml` has the selector of what is wrong (`select`,
`on`).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial

import tinycss2

from keyturn.mail.rendering.html_tree import Element
from keyturn.studio.lint.css.stylesheets import Selector, read_selectors
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.rules import RULES, TreeName

_ELEMENTS: Mapping[TreeName, Callable[[Document], Iterable[Element]]] = {
    "authored": Document.html_elements,
    "compiled": lambda document: document.compiled.walk(),
    "mjml": Document.elements,
}


def check_selectors(
    document: Document, trees: Sequence[TreeName] = ("authored", "compiled")
) -> Iterator[Finding]:
    """Yield what is wrong in these trees: by default, the author's HTML and the sent HTML."""
    fits = partial(re.fullmatch, flags=re.IGNORECASE | re.DOTALL)
    for tree, by_tag in ((tree, _selectors(tree)) for tree in trees):
        candidates = (
            (element, rule, selector)
            for element in _ELEMENTS[tree](document)
            for rule, selector in (*by_tag.get(element.tag, ()), *by_tag.get("", ()))
        )
        for element, rule, selector in candidates:
            if not selector.matches(element):
                continue
            tag, parent, row = (
                element.tag,
                element.parent.tag if element.parent else "",
                RULES[rule],
            )
            case = next((one for one in (f"{parent} > {tag}", tag) if one in row.fixes), "")
            find = partial(document.finding, rule=rule, case=case, tag=tag, parent=parent)
            if row.attribute:
                for name, one in element.attributes.items():
                    if fits(row.attribute, name) and fits(row.value, one.value):
                        yield find(one.offset, name=name, value=one.value)
                        break
            else:
                lacking = [
                    name
                    for name, operator, _ in selector.compounds[-1].attributes
                    if operator == "without"
                ]
                at = document.offset_of(element) if tree == "compiled" else element.offset
                yield find(at, name="".join(lacking))


@cache
def _selectors(tree: TreeName) -> Mapping[str, Sequence[tuple[str, Selector]]]:
    """Return the rules on a tree with their selectors, by the tag at the end of the selector."""
    by_tag: dict[str, list[tuple[str, Selector]]] = defaultdict(list)
    for rule, row in RULES.items():
        for selector in read_selectors(
            tinycss2.parse_component_value_list(row.select if tree in row.on else "")
        ):
            by_tag[selector.compounds[-1].tag].append((rule, selector))
    return by_tag
