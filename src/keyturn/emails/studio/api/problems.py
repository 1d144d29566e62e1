"""Problem documents (RFC 9457) of the inbox's API."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from keyturn.errors import UnknownMail

_logger = logging.getLogger("keyturn")


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response[Any]:
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    media_type = "application/problem+json"
    return Response(content, status_code=status, media_type=media_type, headers=dict(headers or {}))


def problem_handlers(server: str) -> ExceptionHandlersMap:
    """Return the answers to refusals, unknown names and faults of ours. `server`: its name in a sentence."""

    def answer_refusal(_: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
        return problem(error.status_code, error.detail, error.headers)

    def answer_missing(request: Request[Any, Any, Any], error: LookupError) -> Response[Any]:
        if type(error) not in (LookupError, UnknownMail):  # such as a KeyError: a mistake of ours
            return answer_failure(request, error)
        return problem(404, str(error))

    def answer_failure(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        _logger.error("%s failed at %s", server, request.url.path, exc_info=error)
        return problem(500, f"{server} failed. Its terminal shows the error.")

    return {HTTPException: answer_refusal, LookupError: answer_missing, Exception: answer_failure}
