"""Recognises the template engine of a tag, or of a file, that is no Jinja."""

import re
from functools import lru_cache
from typing import NamedTuple

from jinja2 import TemplateSyntaxError

from keyturn.studio.lint.rules import RULES

# Known by the first words of their tags; Django and Liquid share some.
_BY_TAGS = ("Liquid", "Twig", "Django")
_SHARED = ("comment", "cycle", "empty")
_STATEMENT = re.compile(r"\{%[-+]?\s*(end)?(\w+)")
# What engines write in braces, and Jinja never does.
_IN_BRACES = {
    "Blade": r"\{\{\s*\$\w+\s*(?:->|\[|\(|\?\?|\}\})|\{!!|\{\{--",
    "Handlebars": (
        r"\{\{\{?~?\s*(?:[#/^]\s*\w|>\s*[\w./-]|else\b)"
        r"|\{\{\{~?\s*[\w@./]+[^{}:]*\}\}\}"
        r"|\{\{\{\{/?\w"
    ),
    "Braze": r"\{\{[^{}]*\$\{",
    "Go": (
        r"\{\{-?\s*(?:(?:if|else if|range|with|not|len|html|urlquery)\s+)?[.$]"
        r"|\{\{-?\s*(?:end|else)\s*-?\}"
        r"|\{\{-?\s*(?:template|define|block)\s+\""
    ),
}
_EXPRESSIONS = {engine: re.compile(pattern) for engine, pattern in _IN_BRACES.items()}
# Tells a file of Go, in which "{{ $name }}" is no expression of Blade.
_VARIABLE_OF_GO = re.compile(r":=|\{\{-?\s*\.")
# What engines write in files that Jinja reads as texts, and no mail has.
_IN_TEXTS = {
    "PHP": r"<\?(?:php\b|=)",
    "FreeMarker": (
        r"</?#(?:assign|else|elseif|escape|ftl|function|if|import|include|list|macro)\b"
        r"|</?#(?:setting|switch)\b"
        r"|<@\w+[\s/>.]"
        r"|\$\{[\w.]+[?!][^{}]*\}"
    ),
    "Thymeleaf": r"\s(?:data-th-|th:)[a-z]+\s*=|\sxmlns:th\s*=",
    # "@page" is not here: it is CSS, too, and stands in each mail that Word or Outlook wrote.
    "Razor": (
        r"@(?:Html|Model|Url|ViewBag|ViewData)\.\w"
        r"|^@(?:inject|model|using)\s"
        r"|@(?:if|for|foreach|switch)\s*\([^\n]*\)\s*\{"
    ),
    "Blade": (
        r"@(?:auth|component|extends|foreach|if|include|isset|lang|section|yield)\s*\("
        r"|\{!!|\{\{--"
    ),
    "Velocity": r"(?<![\w&])#(?:elseif|foreach|if|macro|parse|set)\s*\(|\$!\{?[a-z]",
    "ERB": (
        r"<%[-=]?(?=[^%]*(?:@\w|\|\w+\||\bdo\b|\bend\b|\belsif\b|\bunless\b|\.each\b"
        r"|_(?:url|path)\b))[^%]*%>"
    ),
    "EJS": r"<%[-=_]?(?=[^%]*(?:[{};]|=>|\blocals\b|\b(?:const|let|var)\b|\binclude\())[^%]*%>",
}
_WHOLE_FILES = {engine: re.compile(text, re.MULTILINE) for engine, text in _IN_TEXTS.items()}
# Does not match "<%name%>", a placeholder of sending services.
_ERB_OR_EJS = re.compile(r"<%[-=]\s*\w|<%\s+\w")
_ARGUMENT_OF_FILTER = re.compile(r"\|\s*\w+\s?:(?:(\s)|[\"'\w-])")
# Tags that Jinja knows with other arguments: {% include "a.html" with name=1 %}
_ANOTHER_USE = re.compile(
    r"\{%[-+]?\s*(?:"
    r"(?P<trans>trans)\s+(?:\"[^\"]*\"|'[^']*'|\w+)(?:\s+(?:as|noop|context)\b|\s*[-+]?%)"
    r"|include\b.*?\s(?:with\s+(?:\w+\s*=|(?P<twig>\{))|only\s*[-+]?%)"
    r"|with\s[^=]*\sas\s+\w+\s*[-+]?%)"
)
OF_ENGINES = frozenset({"block", "forloop"})  # names that such templates have from their engine


class ForeignTag(NamedTuple):
    """What shows that a tag is of another engine.

    `engine`: its name; empty if nothing shows it.
    `sentence`: the start of a message; empty if the engine's rule says enough.
    """

    engine: str = ""
    sentence: str = ""


class ForeignFile(NamedTuple):
    """The engine of a file, and the offset where it shows."""

    engine: str
    offset: int


class TagOfAnotherEngine(TemplateSyntaxError):
    """A template has a tag of another engine, whose name is `engine`.

    The message is the start of a sentence.
    """

    def __init__(self, message: str, engine: str, lineno: int) -> None:
        self.engine = engine
        super().__init__(message, lineno)


def recognise(tag: str, source: str) -> ForeignTag:
    """Return the engine of a tag that Jinja refused in this source."""
    engine = _engine_with_braces(tag, source)
    if engine:
        return ForeignTag(engine)
    statement = _STATEMENT.match(tag)
    word = statement[2] if statement else ""
    engine = _engine_with_tag(word, source)
    if engine:
        return _foreign(engine, f"{{% {word} %}} is a tag of {engine}")
    argument = _ARGUMENT_OF_FILTER.search(tag)
    if argument:
        engine = "Liquid" if argument[1] else "Django"
        return _foreign(engine, f"A filter has its argument after a colon, as in {engine}")
    use = _ANOTHER_USE.match(tag)
    if not use or (use["trans"] and "endtrans" in source):
        return ForeignTag()
    engine = "Twig" if use["twig"] else "Django"
    return _foreign(engine, f"{{% {word} %}} is written as in {engine}")


def _engine_with_braces(tag: str, source: str) -> str:
    """Return the engine that writes this in braces, or an empty text."""
    for engine, pattern in _EXPRESSIONS.items():
        if pattern.match(tag):
            if engine == "Blade" and _VARIABLE_OF_GO.search(source):
                return "Go"
            return engine
    return ""


def _engine_with_tag(word: str, source: str) -> str:
    """Return the engine that has a tag with this first word, or an empty text."""
    for engine in _BY_TAGS:
        if word in _tags_of(engine):
            is_shared = engine == "Django" and word in _SHARED
            if is_shared and _has_liquid(source):
                return "Liquid"
            return engine
    return ""


@lru_cache(1)
def _has_liquid(source: str) -> bool:
    words = {statement[2] for statement in _STATEMENT.finditer(source)}
    return not words.isdisjoint(_tags_of("Liquid"))


def _tags_of(engine: str) -> frozenset[str]:
    return RULES[rule_of(engine)].words["tags"]


def _foreign(engine: str, sentence: str) -> ForeignTag:
    return ForeignTag(engine, f"{sentence}, but the template is Jinja")


def rule_of(engine: str) -> str:
    return f"jinja/{engine.lower()}-tag"


RULES_OF_BRACES = frozenset(map(rule_of, _EXPRESSIONS))
"""The rules on engines that are known by what they write in braces."""
ENGINES_BY_RULE = {rule_of(engine): engine for engine in (*_BY_TAGS, *_EXPRESSIONS, *_WHOLE_FILES)}


@lru_cache(64)
def engine_of_file(source: str, *, is_refused: bool) -> ForeignFile | None:
    """Return the engine of a file without statements of Jinja.

    `is_refused`: Jinja refuses the file, so it may have another engine's braces.
    """
    if "{%" in source:
        return None
    patterns = list(_WHOLE_FILES.items())
    if is_refused:
        patterns += _EXPRESSIONS.items()
    first: ForeignFile | None = None
    for engine, pattern in patterns:
        found = pattern.search(source)
        if found and (first is None or found.start() < first.offset):
            first = ForeignFile(engine, found.start())
    if first:
        return first
    found = _ERB_OR_EJS.search(source)
    return ForeignFile("ERB", found.start()) if found else None
