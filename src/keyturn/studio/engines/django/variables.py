"""Finds the variables of Django's templates, which are translated to Jinja's: no tag of the project
runs.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from django.template import TemplateSyntaxError
from django.template.base import Lexer, Token, TokenType, filter_re
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
        if text is None:
            return None
        try:
            return "".join(_Translation(name, text, filters).texts())
        except TemplateSyntaxError:  # rendering reports it
            return None

    loader = FunctionLoader(translated)
    environment = Environment(loader=loader, extensions=["jinja2.ext.do"])  # noqa: S701 - not shown
    environment.globals = dict.fromkeys(_ALWAYS_THERE, RecordingValue())
    environment.filters |= filters
    found = recorded_rendering.find_variables(files, environment, with_origins)
    for one in found.values():
        _fold_query(one)
    return found


class _Translation:
    """A file in Jinja's words, as far as values are concerned."""

    def __init__(self, name: str, source: str, filters: Filters) -> None:
        self._name = name
        self._source = source
        self._filters = filters
        self._open: list[str] = []  # the open blocks by Jinja's names, the innermost last

    def texts(self) -> Iterator[str]:
        tokens = iter(Lexer(self._source).tokenize())
        for token in tokens:
            if token.token_type == TokenType.VAR:
                yield self._printed(token.contents)
            elif token.token_type == TokenType.TEXT:
                # Where values are printed, and no tags of Jinja.
                yield token.contents.replace("{", " ")
            elif token.token_type == TokenType.BLOCK and token.contents:
                tag, *words = token.split_contents()
                yield self._tag(tag, words)
                if tag == "comment":
                    _skip_comment(tokens)
        for block in reversed(self._open):
            yield f"{{% end{block} %}}"

    def _printed(self, written: str) -> str:
        if written == "block.super":
            return "{{ super() }}"
        return f"{{{{ {self._expression(written)} }}}}"

    def _tag(self, tag: str, words: list[str]) -> str:
        opened = self._open[-1] if self._open else None
        if tag in _BLOCKS:
            block = _BLOCKS[tag]
            self._open.append(block)
            return f"{{% {block} {self._head(tag, words)} %}}"
        if opened and _BLOCKS.get(tag.removeprefix("end")) == opened:
            self._open.pop()
            return f"{{% end{opened} %}}"
        if tag == "elif" and opened == "if":
            return f"{{% elif {self._head('if', words)} %}}"
        if tag in ("else", "empty") and opened in ("if", "for"):
            return "{% else %}"
        if tag in ("extends", "include") and words:
            return self._other_file(tag, words)
        if tag in _WITHOUT_VALUES or tag.startswith("end"):
            return ""
        values = [self._expression(word) for word in _values_among(tag, words)]
        return "".join(f"{{% do {value} %}}" for value in values)

    def _head(self, tag: str, words: list[str]) -> str:
        """Return what follows the name of a block's tag in Jinja."""
        match tag, words:
            case "if", _:
                return " ".join(self._operand(word) for word in words)
            case "for", [*names, "in", looped] | [*names, "in", looped, "reversed"]:
                has_pairs = len(" ".join(names).replace(",", " ").split()) > 1
                call = "()" if has_pairs and looped.endswith(".items") else ""
                return f"{' '.join(names)} in {self._expression(looped)}{call}"
            case "block", [name, *_]:
                return name.replace("-", "_")
            case "ifchanged", _:
                return f"[{', '.join(map(self._expression, words))}]"
        return self._pairs(words)

    def _operand(self, word: str) -> str:
        return word if word in _OPERATORS else self._expression(word)

    def _other_file(self, tag: str, words: list[str]) -> str:
        """Return the tag that extends or includes another file, with the values that it gets."""
        file = self._expression(construct_relative_path(self._name, words[0]))
        given = self._pairs(words[1:])
        if not given:
            return f"{{% {tag} {file} %}}"
        return f"{{% with {given} %}}{{% {tag} {file} %}}{{% endwith %}}"

    def _pairs(self, words: list[str]) -> str:
        """Return `name=value` and `value as name` as Jinja writes them."""
        values = []
        for word in words:
            name, sign, value = word.partition("=")
            if sign:
                values.append(f"{name}={self._expression(value)}")
        for at in range(1, len(words) - 1):
            if words[at] == "as":
                values.append(f"{words[at + 1]}={self._expression(words[at - 1])}")
        if words[:1] == ["count"] and values:
            values[0] += "|int"
        return ", ".join(values)

    def _expression(self, written: str) -> str:
        """Return an expression with filters.

        A value that only works as a number also passes `int`.
        """
        parts = list(filter_re.finditer(written))
        if not parts:
            return "none"
        return _value(parts[0]) + "".join(self._filter(part) for part in parts[1:])

    def _filter(self, part: re.Match[str]) -> str:
        name = part["filter_name"]
        function = self._filters.get(name)
        argument = _argument(part, function)
        translated = "|list" if name in _OF_LISTS else f"|{name}"
        examples = []
        if argument:
            translated += f"({argument})"
            examples.append(3)
        if function and _needs_number(function, *examples):
            translated += "|int"
        return translated


def _skip_comment(tokens: Iterator[Token]) -> None:
    for token in tokens:
        if token.contents == "endcomment":
            return


def _values_among(tag: str, words: list[str]) -> list[str]:
    """Return the values among the words of a tag, which its name and `as` surround."""
    if tag == "regroup":
        words = words[:1]
    elif "as" in words:
        words = words[: words.index("as")]
    return [word.partition("=")[2] or word for word in words]


def _value(part: re.Match[str]) -> str:
    """Return the variable or the constant at the start of an expression."""
    if part["var"]:
        return _ALL.sub(r"(\1|list)", part["var"])
    return _untranslated(part["constant"] or "none")


def _untranslated(constant: str) -> str:
    return constant[2:-1] if constant.startswith("_(") else constant


def _argument(part: re.Match[str], function: Callable[..., Any] | None) -> str:
    """Return the argument of a filter; empty if it has none. One that must be a number is one."""
    variable = part["var_arg"]
    if not variable:
        return _untranslated(part["constant_arg"] or "")
    if function:
        for value in (3, "some words"):
            if _needs_number(partial(function, value)):
                return f"{variable}|int"
    return str(variable)


def _needs_number(function: Callable[..., Any], *more: Any) -> bool:
    """Tell whether a filter, which may be the project's own, fails with a text and not with a
    number.
    """
    return not _works(function, "text", *more) and _works(function, 3, *more)


def _works(function: Callable[..., Any], *arguments: Any) -> bool:
    try:
        function(*arguments)
    except Exception:  # noqa: BLE001 - a filter raises whatever it likes
        return False
    return True


def _fold_query(one: Variable, depth: int = 0) -> None:
    """Make a list of a variable that is used as a query set, and entries of its first and last."""
    if "list" in one.uses or "exists" in one.attributes:
        one.uses.add("list")
        # Methods that `_Queried` gives to any list.
        for method in ("count", "exists"):
            one.attributes.pop(method, None)
        for method in ("first", "last"):
            entry = one.attributes.pop(method, None)
            if entry is not None:
                item = one.item_variable()
                item.uses |= entry.uses
                item.attributes = entry.attributes | item.attributes
    if depth < _DEEPEST:
        below = [*one.attributes.values(), *one.parts]
        if one.item is not None:
            below.append(one.item)
        for each in below:
            _fold_query(each, depth + 1)
