"""What is refused, as problem documents (RFC 9457)."""

import logging
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.status_codes import HTTP_404_NOT_FOUND, HTTP_500_INTERNAL_SERVER_ERROR
from litestar.types import ExceptionHandlersMap

_logger = logging.getLogger("keyturn")


def _problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response[dict[str, Any]]:
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return Response(content, status_code=status, media_type="application/problem+json", headers=headers)


def _refused(_: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    return _problem(error.status_code, error.detail, error.headers)


def _missing(request: Request[Any, Any, Any], error: LookupError) -> Response[dict[str, Any]]:
    if type(error) is not LookupError:  # a KeyError, say, is a mistake of the studio's own
        return _failed(request, error)
    return _problem(HTTP_404_NOT_FOUND, str(error))


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    _logger.error("The inbox failed at %s", request.url.path, exc_info=error)
    detail = "The inbox failed. The terminal that it runs in says where."
    return _problem(HTTP_500_INTERNAL_SERVER_ERROR, detail)


HANDLERS: ExceptionHandlersMap = {HTTPException: _refused, LookupError: _missing, Exception: _failed}
