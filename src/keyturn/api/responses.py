"""What the controllers answer, and describe for OpenAPI, in the same words."""

from litestar import Response
from litestar.datastructures import Cookie
from litestar.openapi import ResponseSpec

from keyturn.api.problems import MEDIA_TYPE as PROBLEM_TYPE
from keyturn.api.requests import language_headers
from keyturn.api.schemas import Done, ProblemDocument
from keyturn.languages import Language

MALFORMED = "The request is malformed; `errors` names each field."
TOO_MANY = "A limit is used up; `retryAfter` says when to come back."
UNKNOWN = "An answer was lost on the way: the password may have been changed, or not."
WEAK = "The password is not accepted; `violations` holds every broken rule, and nothing was changed."


def problem_responses(**meanings: str) -> dict[int, ResponseSpec]:
    """Describe the errors of a route for OpenAPI, by their status: `_400="..."`."""
    return {
        int(status[1:]): ResponseSpec(
            ProblemDocument, description=meaning, media_type=PROBLEM_TYPE, generate_examples=False
        )
        for status, meaning in meanings.items()
    }


def message_response(language: Language, message: str, *cookies: Cookie) -> Response[Done]:
    """Return an answer that is a sentence for a person, in their language."""
    return Response(Done(message=message), headers=language_headers(language), cookies=list(cookies))
