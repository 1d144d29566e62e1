"""Problems: each defines its status, title, sentence, members and outcome, and the docs agree."""

import re
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import get_args

import pytest
from babel import Locale

from keyturn.errors import KeyturnError, SendRefused
from keyturn.languages import Language
from keyturn.problems.problem import PROBLEMS, Problem, outcome_of, problem_of
from keyturn.problems.proofs import Challenge, ChallengeFlaw, ChallengeRequired, DeadReason, LinkDead
from keyturn.problems.requests import DatabaseUnready, LimitsUnready, Unavailable
from keyturn.telemetry.meters import ACCEPTED

CHECKOUT = Path(__file__).parents[1]
DOCS = CHECKOUT / "docs"
ENGLISH = Language(Locale("en"), UTC)

NO_CLIENT_MEETS_THEM = {
    "SettingsInvalid",
    "ExtraMissing",
    "TemplateInvalid",
    "CatalogueInvalid",
    "SampleNotSaved",
    "SendFailed",
    "SendRetryable",
    "QuotaExhausted",
    "SendRefused",
    "SendUnknown",
    "UnknownMail",
    "DataUnfit",
}
"""Errors of commands, of programs and of the worker. In a request they would be a fault of Keyturn."""

each_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.slug)


def classes_below(error: type[KeyturnError]) -> Iterator[type[KeyturnError]]:
    for below in error.__subclasses__():
        if below.__module__.startswith(("keyturn.errors", "keyturn.problems")):
            yield below
            yield from classes_below(below)


@pytest.mark.parametrize("error", list(classes_below(KeyturnError)), ids=lambda error: error.__name__)
def test_every_error_is_a_problem_unless_no_client_meets_it(error: type[KeyturnError]) -> None:
    assert issubclass(error, Problem) == (error.__name__ not in NO_CLIENT_MEETS_THEM)


@pytest.mark.parametrize("missing", ["status", "slug", "title", "outcome"])
def test_a_problem_that_does_not_say_what_it_is_cannot_be_defined(missing: str) -> None:
    said = {"status": 409, "slug": "address-taken", "title": "That address is taken", "outcome": "taken"}
    with pytest.raises(TypeError, match=f"AddressTaken is a problem and needs: {missing}$"):
        type("AddressTaken", (Problem,), {name: value for name, value in said.items() if name != missing})
    with pytest.raises(TypeError, match=r"AddressTaken is a problem and needs: outcome, slug, status, title$"):
        type("AddressTaken", (Problem,), {})


def test_no_two_classes_are_one_problem() -> None:
    with pytest.raises(TypeError, match="LinkGone and LinkDead are both the problem link-dead"):
        type("LinkGone", (Problem,), {"status": 410, "slug": "link-dead", "title": "Gone", "outcome": "gone"})


def test_an_error_below_another_is_the_same_problem() -> None:
    assert type(problem_of(LimitsUnready("away"))).slug == DatabaseUnready.slug == Unavailable.slug


@pytest.mark.parametrize("error", [SendRefused("422"), KeyturnError(), RuntimeError("{reason}"), KeyError("{x}")])
def test_whatever_is_no_problem_is_a_fault_of_ours(error: Exception) -> None:
    assert (problem_of(error).status, problem_of(error).slug, outcome_of(error)) == (500, "internal", "failed")


@each_problem
def test_a_problem_has_the_members_that_it_promises(problem: type[Problem]) -> None:
    values = problem(*problem.example).member_values(ENGLISH)
    assert list(values) == [name for name, _ in problem.members]


@each_problem
def test_what_asks_to_authenticate_names_a_scheme(problem: type[Problem]) -> None:
    """RFC 9110, 11.6.1."""
    assert bool(problem.scheme) == (problem.status == 401)


def test_the_docs_name_each_outcome_and_no_other() -> None:
    row = re.search(
        r"^\| `keyturn_requests_total` \|.*\|(.*)\|$", (DOCS / "observability.md").read_text(), re.MULTILINE
    )
    assert row
    links = {outcome_of(LinkDead(reason)) for reason in get_args(DeadReason)}
    flaws = {outcome_of(ChallengeRequired(flaw, Challenge("altcha", "", ""))) for flaw in get_args(ChallengeFlaw)}
    plain = {problem.outcome for problem in PROBLEMS.values() if "{" not in problem.outcome}
    assert set(re.findall(r"`(\w+)`", row[1])) == {ACCEPTED, *links, *flaws, *plain}


def test_the_docs_name_each_problem_with_its_status_and_its_members() -> None:
    rows = re.findall(r"^\| (`[a-z-]+`.*?) \| ([\d, ]+) \|(.*)\|$", (DOCS / "http.md").read_text(), re.MULTILINE)
    documented: dict[str, tuple[int, str]] = {}
    for slugs, statuses, members in rows:
        names = re.findall(r"`([a-z-]+)`", slugs)
        listed = [int(status) for status in statuses.split(", ")]
        documented |= {
            name: (status, members)
            for name, status in zip(names, listed if len(listed) > 1 else listed * len(names), strict=True)
        }
    assert {slug: status for slug, (status, _) in documented.items()} == {
        slug: problem.status for slug, problem in PROBLEMS.items()
    }
    for slug, problem in PROBLEMS.items():
        assert all(f"`{name}" in documented[slug][1] for name, _ in problem.members), slug


def test_the_types_that_the_frontend_declares_are_problems() -> None:
    declared = re.findall(r"urn:keyturn:problem:([a-z-]+)", (CHECKOUT / "frontend" / "keyturn.d.ts").read_text())
    assert {*declared} <= {*PROBLEMS, "unreachable"}
