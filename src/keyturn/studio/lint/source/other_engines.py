"""Tags of engines that look like Jinja: many folders hold such templates. Each engine is reported once for a folder."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from operator import attrgetter

from jinja2 import TemplateSyntaxError
from msgspec.structs import replace

from keyturn.studio.lint.finding import Finding, merge
from keyturn.studio.lint.rules import RULES

_BY_TAGS = ("Liquid", "Twig", "Django")  # known by the first words of their tags; Django and Liquid share some
_TAG = re.compile(r"\{%[-+]?\s*(end)?(\w+)")
_EXPRESSIONS = {  # the engines by what they write in braces, and Jinja never does
    "Handlebars": re.compile(r"\{\{\{?~?\s*(?:[#/^]\s*\w|>\s*[\w./-]|else\b)"),
    "Braze": re.compile(r"\{\{[^{}]*\$\{"),
    "Go": re.compile(
        r"\{\{-?\s*(?:(?:if|else if|range|with|not|len|html|urlquery)\s+)?[.$]|\{\{-?\s*(?:end|else)\s*-?\}"
    ),
}
_ARGUMENT_OF_FILTER = re.compile(r"\|\s*\w+\s?:(?:(\s)|[\"'\w-])")
_ANOTHER_USE = re.compile(  # tags that Jinja knows with other arguments: {% include "a.html" with name=1 %}
    r"\{%[-+]?\s*(?:(?P<trans>trans)\s+(?:\"[^\"]*\"|'[^']*'|\w+)(?:\s+(?:as|noop|context)\b|\s*[-+]?%)"
    r"|include\b.*?\s(?:with\s+(?:\w+\s*=|(?P<twig>\{))|only\s*[-+]?%)|with\s[^=]*\sas\s+\w+\s*[-+]?%)"
)
OF_ENGINES = frozenset({"block", "forloop"})  # names that such templates have from their engine


class TagOfAnotherEngine(TemplateSyntaxError):
    """A template has a tag of another engine, whose name is `engine`. The message is the start of a sentence."""

    def __init__(self, message: str, engine: str, lineno: int, name: str | None, filename: str | None) -> None:
        self.engine = engine
        super().__init__(message, lineno, name, filename)


def recognise(tag: str, source: str) -> tuple[str, str]:
    """Return the engine of a tag that Jinja refused in this source, and the start of a sentence; or empty texts."""
    word = match[2] if (match := _TAG.match(tag)) else ""
    if engine := next((engine for engine, pattern in _EXPRESSIONS.items() if pattern.match(tag)), ""):
        return engine, ""
    if engine := next((engine for engine in _BY_TAGS if word in _tags(engine)), ""):
        is_shared = engine == "Django" and word in ("comment", "cycle", "empty")
        engine = "Liquid" if is_shared and _has_liquid(source) else engine
        sentence = f"{{% {word} %}} is a tag of {engine}"
    elif argument := _ARGUMENT_OF_FILTER.search(tag):
        engine = "Liquid" if argument[1] else "Django"
        sentence = f"A filter has its argument after a colon, as in {engine}"
    elif (other := _ANOTHER_USE.match(tag)) and not (other["trans"] and "endtrans" in source):
        engine = "Twig" if other["twig"] else "Django"
        sentence = f"{{% {word} %}} is written as in {engine}"
    else:
        return "", ""
    return engine, f"{sentence}, but the template is Jinja"


@lru_cache(1)
def _has_liquid(source: str) -> bool:
    return not {tag[2] for tag in _TAG.finditer(source)}.isdisjoint(_tags("Liquid"))


def rule_of(engine: str) -> str:
    return f"jinja/{engine.lower()}-tag"


def _tags(engine: str) -> frozenset[str]:
    return RULES[rule_of(engine)].words["tags"]


_ONE, _MANY = "Write the template in Jinja, or list it", "Write the templates in Jinja, or list their folders"
_ENGINE_OF: Mapping[str, str] = {rule_of(engine): engine for engine in (*_BY_TAGS, *_EXPRESSIONS)}


def one_for_each_engine(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Merge the findings on each other engine into one, at its first place. Ignored ones are merged apart."""
    findings, of_engines = list(findings), defaultdict[tuple[str, bool], list[Finding]](list)
    yield from (one for one in findings if one.rule not in _ENGINE_OF)
    for one in sorted(findings, key=attrgetter("place")):
        if one.rule in _ENGINE_OF:
            of_engines[one.rule, bool(one.reason)].append(one)
    for _, those in sorted(of_engines.items()):
        (merged,) = merge(those, by=lambda _: None)
        if (files := len({finding.place.file for finding in those})) > 1:
            sentence = f"{files} files are {_ENGINE_OF[merged.rule]} templates, but the folder is Jinja. The first:"
            merged = replace(merged, message=f"{sentence} {merged.message}", fix=merged.fix.replace(_ONE, _MANY))
        yield merged
