"""Variables of templates with their uses, the scopes of names that templates bind, and the uses that filters imply."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from jinja2 import nodes

Use = Literal[
    "printed", "asked", "passed", "called", "number", "moment", "text", "length", "indexed", "list", "mapping"
]

_IRREGULAR: Mapping[str, str] = {"people": "person", "children": "child", "news": "story", "data": "row"}

_SAYS_NOTHING = frozenset({"each", "element", "entry", "item", "line", "obj", "object", "one", "row", "thing", "val"})


@dataclass(slots=True)
class Variable:
    """A variable of templates.

    `attributes`: by name. `item`: one entry of a list, or one value of a mapping. `parts`: of an unpacked item, as in
    `for label, amount in rows`. `compared`: the constants that it is compared with. `default`: the template's fallback.
    `filters`: names of the filters on it.
    """

    name: str
    uses: set[Use] = field(default_factory=set)
    attributes: dict[str, "Variable"] = field(default_factory=dict)
    item: "Variable | None" = None
    parts: "tuple[Variable, ...]" = ()
    compared: list[Any] = field(default_factory=list)
    default: Any = None
    filters: set[str] = field(default_factory=set)

    def attribute(self, name: str) -> "Variable":
        return self.attributes.setdefault(name, Variable(name))

    def item_variable(self, called: str = "") -> "Variable":
        """Return its item. The loop's name for it counts unless it is generic, such as "item"."""
        if self.item is None:
            says_more = len(called) > len("of") and called not in _SAYS_NOTHING
            self.item = Variable(called if says_more else singular(self.name))
        return self.item

    def absorb(self, other: "Variable") -> None:
        self.uses |= other.uses
        self.filters |= other.filters
        self.compared += other.compared
        self.default = self.default or other.default
        for name, attribute in other.attributes.items():
            self.attribute(name).absorb(attribute)
        if other.item:
            self.item_variable(other.item.name).absorb(other.item)
        for part, known in zip(self.unpack(tuple(one.name for one in other.parts)), other.parts, strict=False):
            part.absorb(known)

    def unpack(self, names: tuple[str, ...]) -> "tuple[Variable, ...]":
        if len(self.parts) < len(names):
            self.parts += tuple(Variable(name) for name in names[len(self.parts) :])
        return self.parts


def singular(name: str) -> str:
    """Return the singular: an "order_item" of "order_items"."""
    if name in _IRREGULAR:
        return _IRREGULAR[name]
    if name.endswith("ies"):
        return name[:-3] + "y"
    if name.endswith(("sses", "xes", "ches", "shes")):
        return name[:-2]
    return name[:-1] if name.endswith("s") and not name.endswith(("ss", "us")) else name


Values = tuple[Variable, ...]
"""The variables that an expression may evaluate to."""


@dataclass(frozen=True, slots=True)
class Macro:
    node: nodes.Macro | nodes.CallBlock
    scope: "Scope"


@dataclass(frozen=True, slots=True)
class Scope:
    """The meanings of names at one place in a template.

    `names`: bound by templates. `isolated`: an imported file without access to variables.
    """

    names: dict[str, "Values | Macro | Scope"] = field(default_factory=dict)
    outer: "Scope | None" = None
    file: str = ""
    isolated: bool = False
    depth: int = 0

    def find(self, name: str) -> "Values | Macro | Scope | None":
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None

    def inner_scope(self, **bound: Values) -> "Scope":
        return replace(self, names=dict(bound), outer=self)


FILTERS: Mapping[Use, frozenset[str]] = {
    "number": frozenset({
        "abs", "currency", "currencyformat", "decimal", "filesizeformat", "float", "floatformat", "format_currency",
        "format_decimal", "format_money", "format_number", "format_percent", "format_price", "int", "intcomma", "money",
        "number", "percent", "percentage", "pluralize", "price", "round", "usd", "euro", "eur",
    }),
    "moment": frozenset({
        "clock", "date", "dateformat", "datetime", "datetimeformat", "day", "format_date", "format_datetime",
        "format_time", "humanize_date", "localdate", "moment", "naturalday", "naturaltime", "pretty_date", "strftime",
        "time", "time_ago", "timeago", "timesince", "timeuntil", "to_date",
    }),
    "text": frozenset({
        "capitalize", "center", "indent", "lower", "replace", "short_lines", "striptags", "title", "trim", "truncate",
        "upper", "urlize", "wordcount", "wordwrap", "urlencode", "nl2br",
    }),
    "list": frozenset({
        "batch", "first", "groupby", "join", "last", "list", "map", "max", "min", "random", "reject", "rejectattr",
        "reverse", "select", "selectattr", "slice", "sort", "sum", "unique",
    }),
    "mapping": frozenset({"dictsort", "items"}),
    "length": frozenset({"count", "length"}),
}  # fmt: skip
"""The uses that filters imply: Jinja's own, and those that apps often add."""

OF_MONEY = frozenset(
    {
        "currency",
        "currencyformat",
        "eur",
        "euro",
        "format_currency",
        "format_money",
        "format_price",
        "money",
        "price",
        "usd",
    }
)
"""Filters for amounts of money."""

ONE_OF_IT = frozenset({"first", "last", "max", "min", "random"})
FEWER_OR_ELSEWHERE = frozenset({"list", "reject", "rejectattr", "reverse", "select", "selectattr", "sort", "unique"})
ATTRIBUTE_FIRST = frozenset({"groupby", "rejectattr", "selectattr", "sum"})

METHODS: Mapping[Use, frozenset[str]] = {
    "text": frozenset({
        "capitalize", "casefold", "endswith", "format", "join", "lower", "lstrip", "replace", "rstrip", "split",
        "splitlines", "startswith", "strip", "title", "upper",
    }),
    "moment": frozenset({
        "astimezone", "date", "format_datetime", "humanize", "isoformat", "strftime", "time", "timestamp",
    }),
    "mapping": frozenset({"get", "items", "keys", "values"}),
}  # fmt: skip
OF_A_DIFFERENCE = frozenset({"days", "seconds", "total_seconds"})
TESTS: Mapping[str, Use] = {
    "even": "number",
    "odd": "number",
    "divisibleby": "number",
    "number": "number",
    "integer": "number",
    "float": "number",
    "string": "text",
    "lower": "text",
    "upper": "text",
    "mapping": "mapping",
    "iterable": "list",
    "sequence": "list",
}
COMPARINGTESTS = frozenset({"eq", "equalto", "==", "sameas", "in"})
NUMBER_FORMAT = re.compile(r"%[-+ 0#]*+\d*+(?:\.\d++)?[dfgei]|\{[^{}]*:[^{}%:]*[\dfdgen,%]\}")
MOMENT_FORMAT = re.compile(r"\{[^{}]*:[^{}]*%[A-Za-z]")
TRANSLATING: Mapping[str, int] = {"_": 1, "gettext": 1, "ngettext": 2, "pgettext": 2, "npgettext": 3}
"""The index of the first argument that is no message; with a plural, it is the number."""
