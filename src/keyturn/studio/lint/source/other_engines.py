"""Templates of other engines, which many folders hold.

Each engine is reported once for a folder.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter, itemgetter

from jinja2 import TemplateSyntaxError
from msgspec.structs import replace

from keyturn.studio.lint.finding import Finding, Place, line_and_column, merge
from keyturn.studio.lint.rules import RULES

# Known by the first words of their tags; Django and Liquid share some.
_BY_TAGS = (
    "Liquid",
    "Twig",
    "Django",
)
_TAG = re.compile(r"\{%[-+]?\s*(end)?(\w+)")
_EXPRESSIONS = {  # the engines by what they write in braces, and Jinja never does
    "Blade": re.compile(r"\{\{\s*\$\w+\s*(?:->|\[|\(|\?\?|\}\})|\{!!|\{\{--"),
    "Handlebars": re.compile(
        r"\{\{\{?~?\s*(?:[#/^]\s*\w|>\s*[\w./-]|else\b)|\{\{\{~?\s*[\w@./]+[^{}:]*\}\}\}|\{\{\{\{/?\w"
    ),
    "Braze": re.compile(r"\{\{[^{}]*\$\{"),
    "Go": re.compile(
        r"\{\{-?\s*(?:(?:if|else "
        r"if|range|with|not|len|html|urlquery)\s+)?[.$]|\{\{-?\s*(?:end|else)\s*-?\}"
        r"|\{\{-?\s*(?:template|define|block)\s+\""
    ),
}
# Tells a file of Go, in which "{{ $name }}" is no expression of Blade.
_VARIABLE_OF_GO = re.compile(r":=|\{\{-?\s*\.")
_WHOLE_FILES = {  # the engines whose files Jinja reads as texts, by what no mail has
    "PHP": re.compile(r"<\?(?:php\b|=)"),
    "FreeMarker": re.compile(
        r"</?#(?:assign|else|elseif|escape|ftl|function|if|import|include|list|macro|setting|switch)\b"
        r"|<@\w+[\s/>.]|\$\{[\w.]+[?!][^{}]*\}"
    ),
    "Thymeleaf": re.compile(r"\s(?:data-th-|th:)[a-z]+\s*=|\sxmlns:th\s*="),
    "Razor": re.compile(
        # "@page" is not here: it is CSS, too, and stands in each mail that Word or Outlook wrote.
        r"@(?:Html|Model|Url|ViewBag|ViewData)\.\w|^@(?:inject|model|using)\s|@(?:if|for|foreach|switch)\s*\([^\n]*\)\s*\{",
        re.MULTILINE,
    ),
    "Blade": re.compile(
        r"@(?:auth|component|extends|foreach|if|include|isset|lang|section|yield)\s*\(|\{!!|\{\{--"
    ),
    "Velocity": re.compile(r"(?<![\w&])#(?:elseif|foreach|if|macro|parse|set)\s*\(|\$!\{?[a-z]"),
    "ERB": re.compile(
        r"<%[-=]?(?=[^%]*(?:@\w|\|\w+\||\bdo\b|\bend\b|\belsif\b|\bunless\b|\.each\b|_(?:url|path)\b))[^%]*%>"
    ),
    "EJS": re.compile(
        r"<%[-=_]?(?=[^%]*(?:[{};]|=>|\blocals\b|\b(?:const|let|var)\b|\binclude\())[^%]*%>"
    ),
}
# Does not match "<%name%>", a placeholder of sending services.
_ERB_OR_EJS = re.compile(r"<%[-=]\s*\w|<%\s+\w")
# Engines whose tags look like broken ones of HTML.
_IN_ANGLE_BRACKETS = frozenset({"PHP", "FreeMarker", "ERB", "EJS"})
# Groups of findings that only say that a file is no Jinja.
_FOLLOWING = frozenset({"jinja", "links", "unchecked"})
_ARGUMENT_OF_FILTER = re.compile(r"\|\s*\w+\s?:(?:(\s)|[\"'\w-])")
# tags that Jinja knows with other arguments: {% include "a.html" with name=1 %}
_ANOTHER_USE = re.compile(
    r"\{%[-+]?\s*(?:(?P<trans>trans)\s+(?:\"[^\"]*\"|'[^']*'|\w+)(?:\s+(?:as|noop|context)\b|\s*[-+]?%)"
    r"|include\b.*?\s(?:with\s+(?:\w+\s*=|(?P<twig>\{))|only\s*[-+]?%)|with\s[^=]*\sas\s+\w+\s*[-+]?%)"
)
OF_ENGINES = frozenset({"block", "forloop"})  # names that such templates have from their engine


class TagOfAnotherEngine(TemplateSyntaxError):
    """A template has a tag of another engine, whose name is `engine`.

    The message is the start of a sentence.
    """

    def __init__(
        self, message: str, engine: str, lineno: int, name: str | None, filename: str | None
    ) -> None:
        self.engine = engine
        super().__init__(message, lineno, name, filename)


def recognise(tag: str, source: str) -> tuple[str, str]:
    """Return the engine of a tag that Jinja refused in this source, and the start of a sentence; or
    empty texts.
    """
    word = match[2] if (match := _TAG.match(tag)) else ""
    if engine := next(
        (engine for engine, pattern in _EXPRESSIONS.items() if pattern.match(tag)), ""
    ):
        return ("Go" if engine == "Blade" and _VARIABLE_OF_GO.search(source) else engine), ""
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


@lru_cache(64)
def _engine_of_file(source: str, is_refused: bool) -> tuple[str, int] | None:
    """Return the engine of a file without statements of Jinja, and where it shows; of braces, if
    Jinja refuses it.
    """
    if "{%" in source:
        return None
    patterns = [*_WHOLE_FILES.items(), *(_EXPRESSIONS.items() if is_refused else ())]
    places = [
        (found.start(), engine) for engine, pattern in patterns if (found := pattern.search(source))
    ]
    if places:
        offset, engine = min(places, key=itemgetter(0))
        return engine, offset
    found = _ERB_OR_EJS.search(source)
    return ("ERB", found.start()) if found else None


_IN_ITS_LINE = re.compile(r"\{\{|\{!!|<[%?#@]|\$[\w!{]|@[A-Z]|\bth:")


def _follows(finding: Finding, lines: Sequence[str], groups: Collection[str]) -> bool:
    """Tell whether a finding may follow from a tag of another engine.

    A link that is written out is judged.
    """
    line = "".join(lines[finding.place.line_for_tools - 1 : finding.place.line_for_tools])
    return finding.group in groups and (finding.group != "links" or bool(_IN_ITS_LINE.search(line)))


def in_files_of_engines(
    findings: Sequence[Finding], files: Iterable[str], text: Callable[[str], str]
) -> list[Finding]:
    """Return the findings with one for each file of another engine, in place of those that follow
    from it.
    """
    refused = {
        one.place.file for one in findings if one.rule == "jinja/syntax" or one.rule in _ENGINE_OF
    }
    left = [*findings]
    for file in files:
        if not (found := _engine_of_file(text(file), file in refused)):
            continue
        engine, offset = found
        if engine in _EXPRESSIONS and engine not in _WHOLE_FILES:
            engine, _ = recognise(text(file)[offset:], text(file))
        following = _FOLLOWING | ({"html", "mjml"} if engine in _IN_ANGLE_BRACKETS else set())
        lines = text(file).split("\n")
        left = [
            one for one in left if one.place.file != file or not _follows(one, lines, following)
        ]
        left.append(
            replace(
                RULES.finding(Place(file, *line_and_column(text(file), offset)), rule_of(engine)),
                hides=True,
            )
        )
    return left


def rule_of(engine: str) -> str:
    return f"jinja/{engine.lower()}-tag"


def _tags(engine: str) -> frozenset[str]:
    return RULES[rule_of(engine)].words["tags"]


_ONE, _MANY = (
    "Write the template in Jinja, or list it",
    "Write the templates in Jinja, or list their folders",
)
_ENGINE_OF: Mapping[str, str] = {
    rule_of(engine): engine for engine in (*_BY_TAGS, *_EXPRESSIONS, *_WHOLE_FILES)
}
_ANOTHER_WORD = re.compile(r"Expected \}\}, got ")


def one_for_each_engine(
    findings: Iterable[Finding], text: Callable[[str], str]
) -> Iterator[Finding]:
    """Merge the findings on each other engine into one, at its first place.

    Ignored ones are merged apart.
    """
    findings, of_engines = list(findings), defaultdict[tuple[str, bool], list[Finding]](list)
    known = {one.rule for one in findings if _ENGINE_OF.get(one.rule) in _EXPRESSIONS}
    if (
        len(known) == 1
    ):  # what is written beside templates of one engine, and is no Jinja, is of that
        (rule,) = known
        findings = [
            _of_engine(one, rule) if _may_be_of_engine(one, text) else one for one in findings
        ]
    yield from (one for one in findings if one.rule not in _ENGINE_OF)
    for one in sorted(findings, key=attrgetter("place")):
        if one.rule in _ENGINE_OF:
            of_engines[one.rule, bool(one.reason)].append(one)
    for _, those in sorted(of_engines.items()):
        (merged,) = merge(those, by=lambda _: None)
        if (files := len({finding.place.file for finding in those})) > 1:
            sentence = (
                f"{files} files are {_ENGINE_OF[merged.rule]} templates, but the folder is "
                "Jinja. The first:"
            )
            merged = replace(
                merged, message=f"{sentence} {merged.message}", fix=merged.fix.replace(_ONE, _MANY)
            )
        yield merged


def _may_be_of_engine(finding: Finding, text: Callable[[str], str]) -> bool:
    """Tell whether a wrong tag is a call with arguments in braces, in a file without statements of
    Jinja.
    """
    is_call = finding.rule == "jinja/syntax" and _ANOTHER_WORD.match(finding.message)
    return bool(is_call) and "{%" not in text(finding.place.file)


def _of_engine(finding: Finding, rule: str) -> Finding:
    of_engine = RULES.finding(finding.place, rule)
    return replace(of_engine, mails=finding.mails, hides=finding.hides, reason=finding.reason)
