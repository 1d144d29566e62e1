"""What a value has to be for what templates do with it: filters, methods, tests and formats."""

import re
from collections.abc import Mapping

from keyturn.emails.gallery.variables.variables import Use

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
"""What a value has to be for a filter, of Jinja's own and of those that apps commonly add."""

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
"""Those of them that say that a number is money, whatever its name says."""

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
"""The first of their arguments that is no message; in those with a plural, the number."""
