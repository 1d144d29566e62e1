"""Names that a template prints and that it was not given: Django prints nothing there, and says nothing of it."""

from collections.abc import Iterator
from typing import Any

from django.template.base import FilterExpression, TokenType, VariableDoesNotExist, VariableNode
from django.template.defaulttags import ForNode
from django.templatetags.i18n import BlockTranslateNode

_MEANT_FOR_NOTHING = frozenset({"default", "default_if_none", "yesno"})
"""Filters by which an author says what stands where there is no value."""


def undefined_names(node: Any, context: Any, written: str) -> Iterator[str]:
    """Yield the names that a node was to print, or to loop over, and that are not there. `written` is what it did."""
    match node:
        case VariableNode() if not written:
            yield from _undefined(node.filter_expression, context)
        case ForNode() if not written.strip():
            yield from _undefined(node.sequence, context)
        case BlockTranslateNode():
            bound = {*(node.extra_context or ()), node.countervar}
            for token in (*node.singular, *(node.plural or ())):
                if token.token_type == TokenType.VAR and token.contents not in bound and token.contents not in context:
                    yield token.contents


def _undefined(expression: Any, context: Any) -> Iterator[str]:
    if not isinstance(expression, FilterExpression) or not expression.is_var:
        return
    if _MEANT_FOR_NOTHING.intersection(getattr(function, "_filter_name", "") for function, _ in expression.filters):
        return
    try:
        expression.var.resolve(context)
    except VariableDoesNotExist:
        yield str(expression.var)
