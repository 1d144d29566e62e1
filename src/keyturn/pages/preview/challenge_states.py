"""The form that asks for a link where a challenge is asked for: drawn at the start, in case one's own form is mistaken.

The studio does not show them: what shows a challenge comes from a service, or needs a service of ours that answers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, get_args

from keyturn.pages.preview.states import PageState, Sample
from keyturn.problems.proofs import Challenge, ChallengeFlaw, ChallengeMethod, flaw_text

_KEY = "a-site-key"


@dataclass(frozen=True, slots=True)
class _Challenge:
    asked: Challenge
    takes_without_script: bool


def _asked(
    method: ChallengeMethod, flaw: ChallengeFlaw | None, *, takes_without_script: bool
) -> Callable[[Sample], Mapping[str, Any]]:
    asked = Challenge(method, _KEY, "request")
    challenge = _Challenge(asked, takes_without_script)
    return lambda sample: {
        "email": "ada@northwind.example",
        "malformed": False,
        "asked": asked,
        "flaw": flaw,
        "flaw_text": flaw_text,
        "site": replace(sample.site, challenge=challenge),
    }


_FLAWS: Sequence[tuple[ChallengeFlaw | None, bool]] = ((None, True), ("missing", True), ("refused", False))
"""What is wrong with an answer, and whether the form takes one of a browser without scripts."""

CHALLENGE_STATES = tuple(
    PageState(
        f"forgot-{method}-{flaw}",
        f"Forgot password, {method}",
        "forgot.html",
        _asked(method, flaw, takes_without_script=takes_without_script),
    )
    for method, (flaw, takes_without_script) in product(get_args(ChallengeMethod), _FLAWS)
)
