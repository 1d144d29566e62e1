"""What is answered where there is no page to show."""

import logging
from collections.abc import Callable
from typing import Any

from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, NotFoundException
from litestar.status_codes import HTTP_421_MISDIRECTED_REQUEST, HTTP_500_INTERNAL_SERVER_ERROR

from keyturn.emails.studio.access.headers import HEADERS
from keyturn.emails.studio.pages.layout import Layout

_logger = logging.getLogger("keyturn")


def error_page(layout: Layout) -> Callable[[Request[Any, Any, Any], HTTPException], Response[str]]:
    def answer(request: Request[Any, Any, Any], error: HTTPException) -> Response[str]:
        # A stranger is not to see the list, and a frame no studio within the studio, whose policy nothing may frame.
        if error.status_code == HTTP_421_MISDIRECTED_REQUEST or request.headers.get("sec-fetch-dest") == "iframe":
            return Response(error.detail, status_code=error.status_code, media_type=MediaType.TEXT, headers=HEADERS)
        return layout.page("error.html", {"status": error.status_code, "detail": error.detail}, error.status_code)

    return answer


def missing_page(layout: Layout) -> Callable[[Request[Any, Any, Any], LookupError], Response[str]]:
    """Return what answers where there is nothing of the name that was asked for: a LookupError, and no kind of it."""
    answer, fail = error_page(layout), failed_page(layout)

    def answer_missing(request: Request[Any, Any, Any], error: LookupError) -> Response[str]:
        if type(error) is not LookupError:  # a KeyError, say, is a mistake of the studio's own
            return fail(request, error)
        return answer(request, NotFoundException(detail=str(error)))

    return answer_missing


def failed_page(layout: Layout) -> Callable[[Request[Any, Any, Any], Exception], Response[str]]:
    """Return what answers where nobody thought of an error: what happened stands in the terminal, not on the page."""
    answer = error_page(layout)

    def log_and_answer(request: Request[Any, Any, Any], error: Exception) -> Response[str]:
        _logger.error("The studio failed at %s", request.url.path, exc_info=error)
        detail = "The studio failed. The terminal that it runs in says where."
        return answer(request, HTTPException(detail=detail, status_code=HTTP_500_INTERNAL_SERVER_ERROR))

    return log_and_answer
