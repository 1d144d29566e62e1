"""The answers to errors: a page, or a problem document (RFC 9457) for programs."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import ClientException, HTTPException, NotFoundException

from keyturn.errors import UnknownMail
from keyturn.studio.web.access import HEADERS

_logger = logging.getLogger("keyturn")

ErrorHandler = Callable[[Request[Any, Any, Any], HTTPException], Response[Any]]


def exception_handlers(
    answer: ErrorHandler,
) -> dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]]:
    """Return the handlers of all errors, which `answer` shows.

    It hides unexpected ones, which the terminal shows.
    """

    def answer_failure(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        _logger.error("The studio failed at %s", request.url.path, exc_info=error)
        detail = "The studio failed. Its terminal shows the error."
        return answer(request, HTTPException(detail, status_code=500))

    def answer_missing(request: Request[Any, Any, Any], error: LookupError) -> Response[Any]:
        # Another kind, such as a KeyError, is a mistake of the studio.
        if type(error) not in (LookupError, UnknownMail):
            return answer_failure(request, error)
        return answer(request, NotFoundException(detail=str(error)))

    def answer_too_deep(request: Request[Any, Any, Any], _: RecursionError) -> Response[Any]:
        detail = "The body of the request is nested too deeply."
        return answer(request, ClientException(detail=detail))

    return {
        HTTPException: answer,
        LookupError: answer_missing,
        RecursionError: answer_too_deep,
        Exception: answer_failure,
    }


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, members: object = None
) -> Response[Any]:
    """Return a problem document. `members`: a mapping of further members (RFC 9457, 3.2)."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if isinstance(members, dict):
        content |= members
    return Response(
        content,
        status_code=status,
        media_type="application/problem+json",
        headers=dict(headers or {}),
    )


def answer_problem(_: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    headers = {**HEADERS, "cache-control": "no-store", **(error.headers or {})}
    return problem(error.status_code, error.detail, headers, error.extra)


AS_PROBLEMS = exception_handlers(answer_problem)  # for handlers that a script asks
