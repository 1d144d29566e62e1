"""Errors in one table: each that a client may meet has a problem, a status and an outcome that is counted."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import keyturn.errors as tree
from keyturn.errors import (
    AskedChallenge,
    ChallengeFlaw,
    ChallengeRequired,
    DeadReason,
    KeyturnError,
    LimitsUnready,
    LinkDead,
    SendRefused,
)
from keyturn.telemetry.outcomes import ACCEPTED, REFUSALS, outcome_of, refusal_of

DOCS = Path(__file__).parents[2] / "docs"

NO_CLIENT_MEETS_THEM = {
    "SettingsInvalid", "ExtraMissing", "TemplateInvalid", "CatalogueInvalid", "SampleNotSaved",
    "SendFailed", "SendRetryable", "QuotaExhausted", "SendRefused", "SendUnknown",
}  # fmt: skip
"""They stop a command, or happen in the worker; where one did come up in a request, it would be a fault of ours."""


def classes_below(error: type[KeyturnError]) -> Iterator[type[KeyturnError]]:
    for below in error.__subclasses__():
        if below.__module__ == tree.__name__:
            yield below
            yield from classes_below(below)


@pytest.mark.parametrize("error", list(classes_below(KeyturnError)), ids=lambda error: error.__name__)
def test_every_error_has_a_row_of_its_kind_unless_no_client_meets_it(error: type[KeyturnError]) -> None:
    has_row = any(issubclass(error, row) for row in REFUSALS if row is not KeyturnError)
    assert has_row == (error.__name__ not in NO_CLIENT_MEETS_THEM)


def test_an_error_below_another_has_its_row() -> None:
    assert refusal_of(LimitsUnready("away")) is refusal_of(tree.DatabaseUnready("away"))


@pytest.mark.parametrize("error", [SendRefused("422"), KeyturnError(), RuntimeError("{reason}"), KeyError("{x}")])
def test_whatever_has_no_row_is_a_fault_of_ours(error: Exception) -> None:
    assert (refusal_of(error).status, refusal_of(error).problem, outcome_of(error)) == (500, "internal", "failed")


def test_no_two_rows_are_one_problem() -> None:
    problems = [row.problem for row in REFUSALS.values()]
    assert len(set(problems)) == len(problems)


def test_the_docs_name_each_outcome_and_no_other() -> None:
    row = re.search(
        r"^\| `keyturn_requests_total` \|.*\|(.*)\|$", (DOCS / "observability.md").read_text(), re.MULTILINE
    )
    assert row
    links = {outcome_of(LinkDead(reason)) for reason in get_args(DeadReason)}
    flaws = {outcome_of(ChallengeRequired(flaw, AskedChallenge("altcha"))) for flaw in get_args(ChallengeFlaw)}
    counted = {ACCEPTED, *links, *flaws, *(row.outcome for row in REFUSALS.values() if "{" not in row.outcome)}
    assert set(re.findall(r"`(\w+)`", row[1])) == counted


def test_the_docs_name_each_problem_with_its_status() -> None:
    rows = re.findall(r"^\| (`[a-z-]+`.*?) \| (\d{3}) \|", (DOCS / "http.md").read_text(), re.MULTILINE)
    documented = {(name, int(status)) for names, status in rows for name in re.findall(r"`([a-z-]+)`", names)}
    assert {(row.problem, row.status) for row in REFUSALS.values()} <= documented
