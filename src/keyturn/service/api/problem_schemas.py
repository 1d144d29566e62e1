"""Describes in OpenAPI the problems with which a route answers."""

import inspect
from functools import reduce
from operator import or_
from typing import Annotated, Literal

import msgspec
from litestar.openapi import ResponseSpec
from msgspec import UNSET, Meta, UnsetType

from keyturn.service.api.problems import MEDIA_TYPE, TYPE_PREFIX
from keyturn.service.problems import requests
from keyturn.service.problems.problem import Problem

_INSTANCE = Meta(description="what the logs call the request, where it failed")


def problem_responses(*problems: type[Problem], has_body: bool = True) -> dict[int, ResponseSpec]:
    """Describe a route's problems for OpenAPI, by their statuses.

    Unavailable is added for every route, and the problems of a body if the route has one.
    """
    known: list[type[Problem]] = [*problems, requests.Unavailable]
    if has_body:
        known += [requests.RequestTooLarge, requests.UnsupportedMediaType]
    by_status: dict[int, list[type[Problem]]] = {}
    for problem in known:
        by_status.setdefault(problem.status, []).append(problem)
    responses = {}
    for status, of_status in sorted(by_status.items()):
        schemas = [_schema(problem) for problem in of_status]
        meanings = [_meaning(problem) for problem in of_status]
        responses[status] = ResponseSpec(
            reduce(or_, schemas),
            description=" Or: ".join(meanings),
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
    return responses


def _meaning(problem: type[Problem]) -> str:
    """Return the first paragraph of the docstring."""
    paragraph = inspect.cleandoc(problem.__doc__ or "").partition("\n\n")[0]
    return paragraph.replace("\n", " ")


_SCHEMAS: dict[str, type[msgspec.Struct]] = {}


def _schema(problem: type[Problem]) -> type[msgspec.Struct]:
    """Return the schema of a problem.

    It is the same object for every route, and for problems of one slug, such as the special cases
    of Unavailable: OpenAPI tells schemas apart by their names.
    """
    if problem.slug not in _SCHEMAS:
        _SCHEMAS[problem.slug] = _new_schema(problem)
    return _SCHEMAS[problem.slug]


def _new_schema(problem: type[Problem]) -> type[msgspec.Struct]:
    words = problem.slug.replace("-", " ").title()
    return msgspec.defstruct(
        words.replace(" ", "") + "Problem",
        [
            ("type", Literal[f"{TYPE_PREFIX}{problem.slug}"]),
            ("title", str),
            ("status", Literal[problem.status]),
            *problem.members,
            ("detail", str | UnsetType, UNSET),
            ("instance", Annotated[str | UnsetType, _INSTANCE], UNSET),
        ],
        frozen=True,
        kw_only=True,
        namespace={"__doc__": _meaning(problem)},
    )
