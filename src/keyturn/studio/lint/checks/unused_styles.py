"""Selectors of the author's stylesheets that match no element in any mail, because they are
misspelt or forgotten.

Only those with a class or an id of the author count. A name is used, too, if a file of the mail
writes it in a class or an id that no sample renders; every name, if one is a value.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from keyturn.mail.rendering.html_tree import Element
from keyturn.studio.lint.clients.feature_uses import is_of_one_client
from keyturn.studio.lint.css.selectors import Selector
from keyturn.studio.lint.css.stylesheets import read_stylesheet
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding, Place, Severity, did_you_mean
from keyturn.studio.lint.rules import RULES

# Names that MJML and mail clients write into a mail.
_OF_CLIENTS = re.compile(
    r"(?:mj|kt|mso|x|m|moz|gmail|yahoo|outlook|apple|aol|ogs|edo|hse)[-_]|Mso|gmail|outlook"
)
# Tags of selectors for a single client.
_TAGS_OF_CLIENTS = ("u", "tbody", "_")
_ATTRIBUTE = re.compile(r"""(?<!mj-)\b(?:class|id)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_VALUE_FIRST = re.compile(r"(?:^|\s)\{[{%]")
_WORD = re.compile(r"[\w-]+")
_DIGITS = re.compile(r"\d+")
_CLOSE = 0.85  # a ratio of difflib: "buton" and "button" have 0.91


class _WrittenSelector(NamedTuple):
    """A selector by its place and its text: the same in all mails of a template."""

    place: Place
    text: str


class StyleUses:
    """The selectors of a template's stylesheets, in all its mails."""

    def __init__(self) -> None:
        self._selectors: dict[_WrittenSelector, Selector] = {}
        self._used: set[_WrittenSelector] = set()
        self._known: set[str] = set()

    def add(self, document: Document) -> None:
        if not document.mail.html:
            return
        selectors = dict(_judged_selectors(document))
        if not selectors:
            return
        elements = _elements_by_name(document.compiled)
        self._known |= elements.keys()
        self._selectors |= selectors
        for key, selector in selectors.items():
            if key not in self._used and _matches(selector, elements):
                self._used.add(key)

    def unused(self, sources: Iterable[str]) -> Iterator[Finding]:
        """Yield a finding for each selector that matches nothing.

        `sources`: the contents of the template's files.
        """
        unused = [key for key in self._selectors if key not in self._used]
        if not unused:
            return
        written = _written_words(sources)
        if written is None:
            return
        unstyled = self._unstyled_classes()
        for key in unused:
            missing = [name for name in self._selectors[key].names if name not in self._known]
            if not any(_may_be_written(name[1:], written) for name in missing):
                yield _finding_on(key, _similar(missing, unstyled))

    def _unstyled_classes(self) -> set[str]:
        """Return the classes of elements that no selector names."""
        classes = {name[1:] for name in self._known if name.startswith(".")}
        for selector in self._selectors.values():
            classes.difference_update(name[1:] for name in selector.names)
        return classes


def _written_words(sources: Iterable[str]) -> set[str] | None:
    """Return the words that files write in classes and ids; None if one begins with a value, and so
    may be any word.
    """
    words: set[str] = set()
    for source in sources:
        for attribute in _ATTRIBUTE.finditer(source):
            value = attribute[1] or attribute[2] or ""
            if _VALUE_FIRST.search(value):
                return None
            words.update(_WORD.findall(value))
    return words


def _finding_on(written: _WrittenSelector, similar: str) -> Finding:
    """Make the finding on an unused selector. `similar`: the fix that names the class meant."""
    severity: Severity = "warning" if similar else "note"
    return RULES.finding(
        written.place, "styles/unused", severity=severity, fix=similar, selector=written.text
    )


def unused_in_all(
    by_template: Mapping[str, Iterable[Finding]], users: Mapping[str, Collection[str]]
) -> list[Finding]:
    """Return each finding once that all templates which use its file have, with their names.

    `users`: the templates of each file.
    """
    by_selector: dict[tuple[Place, str], dict[str, Finding]] = defaultdict(dict)
    for template, findings in by_template.items():
        for finding in findings:
            by_selector[finding.place, finding.message][template] = finding
    unused = []
    for (place, _), found_in in by_selector.items():
        if found_in.keys() >= set(users.get(place.file, ())):
            worst = min(found_in.values(), key=RULES.rank)
            unused.append(replace(worst, templates=tuple(found_in)))
    return unused


def _judged_selectors(document: Document) -> Iterator[tuple[_WrittenSelector, Selector]]:
    """Yield the selectors that have names of the author, and ask for nothing that only a client
    knows.
    """
    for style in document.authored_styles():
        for rule in read_stylesheet(style.css).rules:
            is_of_animation = any(around.keyword.endswith("keyframes") for around in rule.within)
            if rule.nested or is_of_animation:
                continue
            place = document.place(style.offset + rule.offset)
            for selector in rule.selectors:
                if _is_judged(selector):
                    yield _WrittenSelector(place, str(selector)), selector


def _is_judged(selector: Selector) -> bool:
    if not selector.names or selector.attribute_names():
        return False
    if is_of_one_client(selector) or any(_OF_CLIENTS.match(name[1:]) for name in selector.names):
        return False
    return not any(compound.tag in _TAGS_OF_CLIENTS for compound in selector.compounds)


def _elements_by_name(root: Element) -> Mapping[str, list[Element]]:
    """Return the elements with each class (".name") and id ("#name")."""
    by_name: dict[str, list[Element]] = defaultdict(list)
    for node in root.walk():
        by_name[f"#{node.get('id')}"].append(node)
        for name in set(node.get("class").split()):
            by_name[f".{name}"].append(node)
    return by_name


def _matches(selector: Selector, elements: Mapping[str, list[Element]]) -> bool:
    """Tell whether an element matches, whatever its state.

    Tags below a named element are left to the values.
    """
    if not all(name in elements for name in selector.names):
        return False
    compounds = tuple(replace(one, pseudos=[], nested=[]) for one in selector.compounds)
    names = compounds[-1].names
    stateless = Selector(compounds, selector.combinators)
    return not names or any(map(stateless.matches, elements[names[0]]))


def _may_be_written(name: str, written: set[str]) -> bool:
    """Tell whether a file has the name or a part of it, as in class="badge-{{ level }}"."""
    forms = {name, name.removesuffix("-outlook"), name.rstrip("0123456789")}
    for cut in re.finditer("[-_]", name):
        forms.add(name[: cut.end()])
        forms.add(name[cut.start() :])
    return not written.isdisjoint(forms)


def _similar(missing: Iterable[str], unstyled: Collection[str]) -> str:
    """Return a fix that names a class without a style, if one is spelt almost the same and differs
    not only in digits.
    """
    for name in missing:
        sign = name[0]
        bare = _without_digits(name[1:])
        others = [one for one in unstyled if _without_digits(one) != bare]
        question = f"Did you mean {sign}{{}}?"
        meant = did_you_mean(name[1:], others, cutoff=_CLOSE, question=question)
        if meant:
            return meant
    return ""


def _without_digits(name: str) -> str:
    return _DIGITS.sub("", name)
