"""Finds the variables of Django's templates, which are translated to Jinja's: no tag of the project
runs.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from django.template import TemplateSyntaxError
from django.template.base import Lexer, TokenType, filter_re
from django.template.loader_tags import construct_relative_path
from jinja2 import Environment, FunctionLoader

from keyturn.studio.gallery.variables import recorded_rendering
from keyturn.studio.gallery.variables.recording_value import RecordingValue, Variable, Variables
from keyturn.studio.lint.source.origins import with_origins

_ALWAYS_THERE = frozenset({"forloop", "block", "csrf_token", "request"})
_OPERATORS = frozenset(
    {"and", "or", "not", "in", "is", "==", "!=", "<", ">", "<=", ">=", "None", "True", "False"}
)
# Tags with content, with those of Jinja that they become.
_BLOCKS = {"if": "if", "ifchanged": "if", "for": "for", "with": "with", "block": "block"}
_BLOCKS |= dict.fromkeys(("blocktranslate", "blocktrans"), "with")
_WITHOUT_VALUES = frozenset(
    {"autoescape", "comment", "filter", "get_current_language", "load", "localize", "lorem"}
)
_WITHOUT_VALUES |= {"now", "spaceless", "templatetag", "verbatim"}
# Filters of lists that Django has and Jinja lacks.
_OF_LISTS = frozenset({"slice", "dictsort", "dictsortreversed", "unordered_list"})
# Methods that `_Queried` gives to any list.
_OF_A_QUERY = frozenset({"count", "exists", "first", "last"})
_ALL = re.compile(r"^(.+?)\.all(?=\.|$)")  # a query set, or a manager

_DEEPEST = 12

Filters = Mapping[str, Callable[..., Any]]


def find_variables(
    files: Sequence[str], source: Callable[[str], str | None], filters: Filters
) -> Variables:
    """Return the variables of files, with all that they extend and include.

    `source` returns a file's, if it exists.
    """

    def translated(name: str) -> str | None:
        text = source(name)
        with suppress(TemplateSyntaxError):  # rendering reports it
            return None if text is None else "".join(_Translation(name, text, filters).texts())
        return None

    environment = Environment(loader=FunctionLoader(translated), extensions=["jinja2.ext.do"])  # noqa: S701 - not shown
    environment.globals = dict.fromkeys(_ALWAYS_THERE, RecordingValue())
    environment.filters |= filters
    found = recorded_rendering.find_variables(files, environment, with_origins)
    for one in found.values():
        _fold_query(one)
    return found


class _Translation:
    """A file in Jinja's words, as far as values are concerned."""

    def __init__(self, name: str, source: str, filters: Filters) -> None:
        self._name, self._source, self._filters = name, source, filters
        self._open: list[str] = []

    def texts(self) -> Iterator[str]:
        tokens = iter(Lexer(self._source).tokenize())
        for token in tokens:
            if token.token_type == TokenType.VAR:
                written = token.contents
                yield (
                    "{{ super() }}"
                    if written == "block.super"
                    else f"{{{{ {self._expression(written)} }}}}"
                )
            elif token.token_type == TokenType.TEXT:
                # Where values are printed, and no tags of Jinja.
                yield token.contents.replace("{", " ")
            elif token.token_type == TokenType.BLOCK:
                tag, *words = token.split_contents()
                yield from self._tag(tag, words)
                if tag == "comment":
                    next((one for one in tokens if one.contents == "endcomment"), None)
        yield from (f"{{% end{tag} %}}" for tag in reversed(self._open))

    def _tag(self, tag: str, words: list[str]) -> Iterator[str]:
        if tag in _BLOCKS:
            self._open.append(_BLOCKS[tag])
            yield f"{{% {_BLOCKS[tag]} {self._head(tag, words)} %}}"
        elif _BLOCKS.get(tag.removeprefix("end")) in self._open[-1:]:
            yield f"{{% end{self._open.pop()} %}}"
        elif tag == "elif" and self._open[-1:] == ["if"]:
            yield f"{{% elif {self._head('if', words)} %}}"
        elif tag in ("else", "empty") and self._open[-1:] in (["if"], ["for"]):
            yield "{% else %}"
        elif tag in ("extends", "include") and words:
            named = construct_relative_path(self._name, words[0])
            given = self._pairs(words[1:])
            around = (f"{{% with {given} %}}", "{% endwith %}") if given else ("", "")
            yield f"{around[0]}{{% {tag} {self._expression(named)} %}}{around[1]}"
        elif tag not in _WITHOUT_VALUES and not tag.startswith("end"):
            values = (
                words[:1]
                if tag == "regroup"
                else words[: words.index("as")]
                if "as" in words
                else words
            )
            yield from (
                f"{{% do {self._expression(word.partition('=')[2] or word)} %}}" for word in values
            )

    def _head(self, tag: str, words: list[str]) -> str:
        match tag, words:
            case "if", _:
                return " ".join(
                    word if word in _OPERATORS else self._expression(word) for word in words
                )
            case "for", [*names, "in", looped] | [*names, "in", looped, "reversed"]:
                of_pairs = len(" ".join(names).replace(",", " ").split()) > 1 and looped.endswith(
                    ".items"
                )
                return f"{' '.join(names)} in {self._expression(looped)}{'()' if of_pairs else ''}"
            case "block", [name, *_]:
                return name.replace("-", "_")
            case "ifchanged", _:
                return f"[{', '.join(map(self._expression, words))}]"
        return self._pairs(words)

    def _pairs(self, words: list[str]) -> str:
        pairs = [word.partition("=")[::2] for word in words if "=" in word]
        pairs += [
            (words[at + 1], words[at - 1])
            for at, word in enumerate(words[:-1])
            if word == "as" and at
        ]
        values = [f"{name}={self._expression(value)}" for name, value in pairs]
        if words[:1] == ["count"] and values:
            values[0] += "|int"
        return ", ".join(values)

    def _expression(self, written: str) -> str:
        """Return an expression with filters.

        A value that only works as a number also passes `int`.
        """
        value = ""
        for part in filter_re.finditer(written):
            if not value:
                value = _ALL.sub(r"(\1|list)", part["var"] or "") or _untranslated(
                    part["constant"] or "none"
                )
                continue
            name, argument = (
                part["filter_name"],
                part["var_arg"] or _untranslated(part["constant_arg"] or ""),
            )
            function = self._filters.get(name)
            if (
                function
                and part["var_arg"]
                and any(_needs_number(partial(function, of)) for of in (3, "some words"))
            ):
                argument = f"{argument}|int"
            value += f"|{'list' if name in _OF_LISTS else name}" + (
                f"({argument})" if argument else ""
            )
            if function and _needs_number(function, *([3] if argument else [])):
                value += "|int"
        return value or "none"


def _untranslated(constant: str) -> str:
    return constant[2:-1] if constant.startswith("_(") else constant


def _fold_query(one: Variable, depth: int = 0) -> None:
    """Make a list of a variable that is used as a query set, and entries of its first and last."""
    if "list" in one.uses or "exists" in one.attributes:
        one.uses.add("list")
        answers = {
            name: one.attributes.pop(name) for name in sorted(one.attributes.keys() & _OF_A_QUERY)
        }
        for answer in (answers[name] for name in ("first", "last") if name in answers):
            item = one.item_variable()
            item.uses |= answer.uses
            item.attributes = answer.attributes | item.attributes
    if depth < _DEEPEST:
        for below in (*one.attributes.values(), *([one.item] if one.item else ()), *one.parts):
            _fold_query(below, depth + 1)


def _needs_number(function: Callable[..., Any], *more: Any) -> bool:
    """Tell whether a filter, which may be the project's own, fails with a text and not with a
    number.
    """

    def works_with(value: Any) -> bool:
        try:
            function(value, *more)
        except Exception:  # noqa: BLE001 - a filter raises whatever it likes
            return False
        return True

    return not works_with("text") and works_with(3)
