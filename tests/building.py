"""Litestar apps of a test run, built with what was found out for the first of them.

A test has an app of its own, of the same hundred handlers. What Litestar reads from their signatures is the same each
time, and is half of what building one costs.
"""

from collections.abc import Sequence
from copy import copy, deepcopy
from types import FunctionType, MethodType
from typing import Any

import litestar.controller
import litestar.router
import pytest
from litestar import Router
from litestar._signature import SignatureModel
from litestar.handlers import BaseRouteHandler
from litestar.utils.signature import ParsedSignature

_parse = ParsedSignature.from_fn
_model = SignatureModel.create

_signatures: dict[Any, tuple[ParsedSignature, list[Any]]] = {}
"""Beside each stands what the ids of its key are of, so that nothing else gets them."""

_models: dict[Any, tuple[ParsedSignature, type[SignatureModel]]] = {}


def remember_signatures(patch: pytest.MonkeyPatch) -> None:
    """Let Litestar read each signature once in this process, and copy of handlers and routers what may change."""
    patch.setattr(ParsedSignature, "from_fn", staticmethod(_signature_of))
    patch.setattr(SignatureModel, "create", staticmethod(_model_of))
    patch.setattr(litestar.controller, "deepcopy", _own_handler)
    patch.setattr(litestar.router, "deepcopy", _own_router)


def _signature_of(fn: Any, signature_namespace: dict[str, Any]) -> ParsedSignature:
    function = fn.__func__ if isinstance(fn, MethodType) else fn
    if not isinstance(function, FunctionType):
        return _parse(fn, signature_namespace)
    # What counts is which objects they are: many defaults cannot be hashed, or are slow at it.
    parts = (
        function.__annotations__,
        function.__defaults__ or (),
        function.__kwdefaults__ or {},
        signature_namespace,
    )
    known = (
        function.__code__,
        function is fn,
        fn.__module__,
        *(tuple(map(id, part.values() if isinstance(part, dict) else part)) for part in parts),
    )
    if known not in _signatures:
        _signatures[known] = _parse(fn, signature_namespace), [copy(part) for part in parts]
    return _signatures[known][0]


def _model_of(
    dependency_name_set: set[str],
    fn: Any,
    parsed_signature: ParsedSignature,
    type_decoders: Sequence[Any],
    data_dto: Any = None,
) -> type[SignatureModel]:
    known = (
        id(parsed_signature),
        frozenset(dependency_name_set),
        getattr(fn, "__name__", None),
        fn.__module__,
        tuple(type_decoders or ()),
        data_dto,
    )
    if known not in _models:
        model = _model(dependency_name_set, fn, parsed_signature, type_decoders, data_dto)
        _models[known] = parsed_signature, model
    return _models[known][1]


def _own_handler(handler: BaseRouteHandler) -> BaseRouteHandler:
    own = copy(handler)
    for kind in type(handler).__mro__:
        for name in getattr(kind, "__slots__", ()):
            value = getattr(own, name, None)
            if isinstance(value, dict | list | set):
                setattr(own, name, copy(value))
    return own


def _own_router(router: Router) -> Router:
    """Return a router that stands nowhere yet as it is: Litestar copies each, in case that it stands in two places."""
    return router if router.owner is None else deepcopy(router)
