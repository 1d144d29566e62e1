"""The root of all problems, and the mapping from errors to problems."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from keyturn.errors import KeyturnError

if TYPE_CHECKING:
    from keyturn.mail.languages.language import Language


def N_(text: str) -> str:  # noqa: N802 - gettext's own name
    """Mark a text for the catalogues. The code that shows the text translates it."""
    return text


NOT_COUNTED = "failed"
"""The outcome of a problem that counted calls do not raise. If one does, that is a fault of
Keyturn.
"""

MALFORMED = "malformed"


class Problem(KeyturnError):
    """An error that users see.

    A subclass sets the values below, or is a special case of a problem that sets them.

    `status`: the HTTP status of the answer (RFC 9110).
    `slug`: the end of the document's `type` (RFC 9457, 3.1.1), in kebab-case; by default the name
    of the class.
    `title`: the document's title in English.
    `sentence`: the sentence under the title; "" if the title says enough.
    `outcome`: the label in the metrics, by default the slug in snake case; a name in braces stands
    for an attribute with few values.
    `scheme`: the scheme by which a 401 asks a client to authenticate (RFC 9110, 11.6.1).
    `for_people`: whether users may see the problem, so that title and sentence are translated.
    `members`: names and types of the document's members besides the standard ones.
    `retry_after`: whole seconds until a retry is useful, at least 1; None if unknown.

    The first paragraph of the docstring is the problem's meaning in OpenAPI.
    """

    status: int
    title: str
    slug: ClassVar[str]
    sentence: ClassVar[str]
    outcome: ClassVar[str]
    scheme: ClassVar[str]
    for_people: ClassVar[bool]
    members: ClassVar[Sequence[tuple[str, Any]]] = ()
    retry_after: int | None = None

    def __init_subclass__(
        cls,
        *,
        status: int = 0,
        title: str = "",
        sentence: str = "",
        slug: str = "",
        outcome: str = "",
        scheme: str = "",
        for_people: bool = True,
    ) -> None:
        super().__init_subclass__()
        if status:
            cls.status = status
            cls.title = title
            cls.sentence = sentence
            cls.scheme = scheme
            cls.for_people = for_people
            cls.slug = slug or _split_camel_case(cls.__name__, "-")
            cls.outcome = outcome or cls.slug.replace("-", "_")

    def detail(self, words: "Language", /) -> str:
        if self.retry_after is not None:
            wait = words.in_time(timedelta(seconds=self.retry_after))
            return words.gettext("Try again %(wait)s.", wait=wait)
        return words.gettext(self.sentence) if self.sentence else ""

    def member_values(self, _: "Language", /) -> Mapping[str, Any]:
        """Return the values of `members`, which are attributes of the same names in snake case."""
        return {name: getattr(self, _split_camel_case(name, "_")) for name, _ in self.members}

    def headers(self) -> Mapping[str, str]:
        headers = {}
        if self.scheme:
            headers["WWW-Authenticate"] = self.scheme
        if self.retry_after:
            headers["Retry-After"] = str(self.retry_after)
        return headers


def _split_camel_case(name: str, separator: str) -> str:
    """Return such as "too-many-requests" for "TooManyRequests" and "-"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", separator, name).lower()


def problem_of(error: Exception) -> Problem:
    return error if isinstance(error, Problem) else Internal()


def outcome_of(error: Exception) -> str:
    """Return the metrics label for a call that raised `error`; never the error's message."""
    problem = problem_of(error)
    return problem.outcome.format_map(vars(problem))


class Internal(Problem, status=500, title=N_("Something went wrong"), outcome=NOT_COUNTED):
    """An error in Keyturn; the log has the details."""
