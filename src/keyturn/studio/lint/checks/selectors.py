"""Rules that need no code: their row in `rules.toml` has the selector of what is wrong (`select`,
`on`).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, partial

import tinycss2

from keyturn.mail.rendering.html_tree import Element
from keyturn.studio.lint.css.selectors import Selector, read_selectors
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.rules import RULES, Rule, TreeName


def check_selectors(
    document: Document, trees: Sequence[TreeName] = ("authored", "compiled")
) -> Iterator[Finding]:
    """Yield what is wrong in these trees: by default, the author's HTML and the sent HTML."""
    for tree in trees:
        by_tag = _selectors(tree)
        for element in _elements(document, tree):
            for rule, selector in (*by_tag.get(element.tag, ()), *by_tag.get("", ())):
                if selector.matches(element):
                    yield from _judge(document, tree, element, rule, selector)


def _elements(document: Document, tree: TreeName) -> Iterable[Element]:
    match tree:
        case "authored":
            return document.html_elements()
        case "compiled":
            return document.compiled.walk()
        case "mjml":
            return document.elements()


def _judge(
    document: Document, tree: TreeName, element: Element, rule: Rule, selector: Selector
) -> Iterator[Finding]:
    """Yield the finding on a selected element: on the tag, or on the attribute that the rule names,
    if the element has it.
    """
    parent = element.parent.tag if element.parent else ""
    find = partial(
        document.finding,
        rule=rule.name,
        case=_case_of(rule, element.tag, parent),
        tag=element.tag,
        parent=parent,
    )
    if not rule.attribute:
        at = document.offset_of(element) if tree == "compiled" else element.offset
        yield find(at, name=_missing_attribute(selector))
        return
    for name, attribute in element.attributes.items():
        if _is_wrong(rule, name, attribute.value):
            yield find(attribute.offset, name=name, value=attribute.value)
            return


def _case_of(rule: Rule, tag: str, parent: str) -> str:
    for case in (f"{parent} > {tag}", tag):
        if case in rule.fixes:
            return case
    return ""


def _missing_attribute(selector: Selector) -> str:
    """Return the name in `:without(name)`."""
    for test in selector.compounds[-1].attributes:
        if test.operator == "without":
            return test.name
    return ""


def _is_wrong(rule: Rule, name: str, value: str) -> bool:
    fits = partial(re.fullmatch, flags=re.IGNORECASE | re.DOTALL)
    return bool(fits(rule.attribute, name) and fits(rule.value, value))


@cache
def _selectors(tree: TreeName) -> Mapping[str, Sequence[tuple[Rule, Selector]]]:
    """Return the rules on a tree with their selectors, by the tag at the end of the selector."""
    by_tag: dict[str, list[tuple[Rule, Selector]]] = defaultdict(list)
    for rule in RULES.values():
        if tree not in rule.on:
            continue
        for selector in read_selectors(tinycss2.parse_component_value_list(rule.select)):
            by_tag[selector.compounds[-1].tag].append((rule, selector))
    return by_tag
