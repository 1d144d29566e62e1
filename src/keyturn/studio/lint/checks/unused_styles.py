"""Selectors of the author's stylesheets that match no element in any mail, because they are
misspelt or forgotten.

Only those with a class or an id of the author count. A name is used, too, if a file of the mail
writes it in a class or an id that no sample renders; every name, if one is a value.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial

from msgspec.structs import replace

from keyturn.mail.rendering.html_tree import Element
from keyturn.studio.lint.clients.features import is_of_one_client
from keyturn.studio.lint.css.stylesheets import Selector, read_stylesheet
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding, Place, Severity, did_you_mean
from keyturn.studio.lint.rules import RULES

# Names that MJML and mail clients write into a mail.
_OF_CLIENTS = re.compile(
    r"(?:mj|kt|mso|x|m|moz|gmail|yahoo|outlook|apple|aol|ogs|edo|hse)[-_]|Mso|gmail|outlook"
)
_ATTRIBUTE = re.compile(r"""(?<!mj-)\b(?:class|id)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_VALUE_FIRST = re.compile(r"(?:^|\s)\{[{%]")
_WORD = re.compile(r"[\w-]+")
_DIGITS = re.compile(r"\d+")
_CLOSE = 0.85  # a ratio of difflib: "buton" and "button" have 0.91


class StyleUses:
    """The selectors of a template's stylesheets, in all its mails."""

    def __init__(self) -> None:
        self._selectors: dict[tuple[Place, str], Selector] = {}
        self._used: set[tuple[Place, str]] = set()
        self._known: set[str] = set()

    def add(self, document: Document) -> None:
        selectors = dict(_judged_selectors(document)) if document.mail.html else {}
        elements = _elements_by_name(document.compiled) if selectors else {}
        self._known |= elements.keys()
        self._selectors |= selectors
        self._used |= {
            key for key in selectors.keys() - self._used if _matches(selectors[key], elements)
        }

    def unused(self, sources: Iterable[str]) -> Iterator[Finding]:
        """Yield a finding for each selector that matches nothing.

        `sources`: the contents of the template's files.
        """
        unused = [key for key in self._selectors if key not in self._used]
        names = (
            [one[1] or one[2] or "" for source in sources for one in _ATTRIBUTE.finditer(source)]
            if unused
            else []
        )
        if any(map(_VALUE_FIRST.search, names)):
            return
        written = {word for one in names for word in _WORD.findall(one)}
        styled = {name[1:] for selector in self._selectors.values() for name in selector.names}
        for place, text in unused:
            missing = [
                name for name in self._selectors[place, text].names if name not in self._known
            ]
            if not any(_may_be_written(name[1:], written) for name in missing):
                similar = _similar(
                    missing, {name[1:] for name in self._known if name[:1] == "."} - styled
                )
                severity: Severity = "warning" if similar else "note"
                yield RULES.finding(
                    place, "styles/unused", severity=severity, fix=similar, selector=text
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
    return [
        replace(min(those.values(), key=RULES.rank), templates=tuple(those))
        for (place, _), those in by_selector.items()
        if those.keys() >= {*users.get(place.file, ())}
    ]


def _judged_selectors(document: Document) -> Iterator[tuple[tuple[Place, str], Selector]]:
    """Yield the selectors that have names of the author, and ask for nothing that only a client
    knows.
    """
    for css, start, _ in document.authored_styles():
        rules = (one for one in read_stylesheet(css).rules if not one.nested)
        for rule in (
            one
            for one in rules
            if not any(around.keyword.endswith("keyframes") for around in one.within)
        ):
            place = document.place(start + rule.offset)
            for one in (one for one in rule.selectors if one.names and not one.attribute_names()):
                is_of_clients = is_of_one_client(one) or any(
                    _OF_CLIENTS.match(name[1:]) for name in one.names
                )
                if not (
                    is_of_clients
                    or {compound.tag for compound in one.compounds} & {"u", "tbody", "_"}
                ):
                    yield (place, str(one)), one


def _elements_by_name(root: Element) -> Mapping[str, list[Element]]:
    """Return the elements with each class (".name") and id ("#name")."""
    by_name: dict[str, list[Element]] = defaultdict(list)
    for node in root.walk():
        for name in {f"#{node.get('id')}", *(f".{one}" for one in node.get("class").split())}:
            by_name[name].append(node)
    return by_name


def _matches(selector: Selector, elements: Mapping[str, list[Element]]) -> bool:
    """Tell whether an element matches, whatever its state.

    Tags below a named element are left to the values.
    """
    if not all(name in elements for name in selector.names):
        return False
    *_, last = compounds = [replace(one, pseudos=[], nested=[]) for one in selector.compounds]
    stateless = Selector(tuple(compounds), selector.combinators)
    return not last.names or any(map(stateless.matches, elements[last.names[0]]))


def _may_be_written(name: str, written: set[str]) -> bool:
    """Tell whether a file has the name or a part of it, as in class="badge-{{ level }}"."""
    cuts = [match.span() for match in re.finditer("[-_]", name)]
    parts = {part for at, end in cuts for part in (name[:end], name[at:])}
    return not written.isdisjoint(
        {name, name.removesuffix("-outlook"), name.rstrip("0123456789"), *parts}
    )


def _similar(missing: Iterable[str], unstyled: Collection[str]) -> str:
    """Return a fix that names a class without a style, if one is spelt almost the same and differs
    not only in digits.
    """
    bare = partial(_DIGITS.sub, "")
    for name in missing:
        others = [one for one in unstyled if bare(one) != bare(name[1:])]
        if meant := did_you_mean(
            name[1:], others, cutoff=_CLOSE, question=f"Did you mean {name[0]}{{}}?"
        ):
            return meant
    return ""
