"""Problems of any request: it cannot be read, a limit is used up, or a service does not answer."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from keyturn.errors import Fault
from keyturn.service.problems.problem import MALFORMED, N_, NOT_COUNTED, Problem

if TYPE_CHECKING:
    from keyturn.mail.languages.language import Language


class FieldError(Struct, frozen=True):
    """Names a field of the request, and says what is wrong with it."""

    field: str
    message: str


class InputInvalid(
    Problem,
    status=400,
    slug="invalid-input",
    title="The request is not valid",
    outcome=MALFORMED,
    for_people=False,
):
    """The request is malformed; `errors` names each wrong field."""

    members = (("errors", tuple[FieldError, ...]),)

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("; ".join(map(str, faults)))

    def detail(self, _: "Language", /) -> str:
        return str(self)

    def member_values(self, _: "Language", /) -> Mapping[str, Any]:
        return {"errors": [FieldError(fault.name, fault.message) for fault in self.faults]}


class RequestUnreadable(InputInvalid):
    """The body is not JSON, or the request does not fit its route: it was refused before other code
    read it.
    """


class OriginRefused(
    Problem,
    status=403,
    title="The request came from another site",
    outcome=NOT_COUNTED,
    for_people=False,
):
    """The browser reports that another site caused the request."""


class NotFound(Problem, status=404, title="Not found", outcome=NOT_COUNTED, for_people=False):
    """This path has no page and no route."""


class MethodNotAllowed(
    Problem, status=405, title="Method not allowed", outcome=NOT_COUNTED, for_people=False
):
    """This path does not allow the method."""


class RequestTooLarge(
    Problem,
    status=413,
    slug="too-large",
    title="The request is too large",
    outcome=MALFORMED,
    for_people=False,
):
    """The request is too large."""


class UnsupportedMediaType(
    Problem,
    status=415,
    title="The body must be application/json",
    outcome=MALFORMED,
    for_people=False,
):
    """The body must be application/json."""


class TemporaryProblem(Problem):
    """A problem that ends by itself: the client is told when to try again."""

    members = (
        (
            "retryAfter",
            Annotated[int, Meta(ge=1, description="seconds, as in the header Retry-After")],
        ),
    )
    retry_after: int = 5


class TooManyRequests(
    TemporaryProblem, status=429, title=N_("Too many requests"), outcome="limited"
):
    """A limit is used up."""

    def __init__(self, wait: float) -> None:
        self.retry_after = max(1, math.ceil(wait))
        super().__init__(f"retry after {self.retry_after} s")


class OverBudget(TooManyRequests):
    """All clients together have used up their limit. No client is told (`ResetRequests`)."""


class Busy(TemporaryProblem, status=503, title=N_("We’re busy right now")):
    """Too much work is waiting, such as passwords to hash."""


class Unavailable(TemporaryProblem, status=503, title=N_("The service is not available right now")):
    """A service that the request needs does not answer, such as the database.

    `not_changed`: it is certain that nothing was changed there.
    """

    def __init__(self, reason: str, *, not_changed: bool = False) -> None:
        super().__init__(reason)
        self.not_changed = not_changed


class DatabaseUnready(Unavailable):
    """Keyturn's own database cannot be reached, or its migrations were not run."""


class AccountsUnready(Unavailable):
    """The app's accounts cannot be reached. `not_changed`: it is certain that no account was
    changed.
    """


class SecondStepUnfinished(Unavailable):
    """A code is wrong for one factor, and another factor could not be asked.

    The code was judged, so the try stays counted.
    """


class LimitsUnready(DatabaseUnready):
    """The counters cannot be reached."""


class ChallengeUnready(Unavailable):
    """The service that judges answers to challenges does not answer, or refuses us."""


class WorkerDown(Unavailable):
    """The worker has ended."""


class OtherStatus(
    Problem, status=500, slug="http-error", title="", outcome=NOT_COUNTED, for_people=False
):
    """An HTTP status that has no problem of its own, with the framework's title."""

    def __init__(self, status: int, title: str) -> None:
        self.status = status
        self.title = title
        super().__init__(title)


class WebhookRefused(
    Problem, status=400, title="The webhook was refused", outcome=NOT_COUNTED, for_people=False
):
    """A provider's report is forged, stale or incomplete."""

    def detail(self, _: "Language", /) -> str:
        return str(self)
