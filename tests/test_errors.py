"""Problems: each defines its status, title, sentence, members and outcome, and the docs agree."""

import re
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest
from babel import Locale

from keyturn.errors import KeyturnError, SendRefused
from keyturn.mail.languages import Language
from keyturn.service.problems.problem import Problem, outcome_of, problem_of
from keyturn.service.problems.requests import DatabaseUnready, LimitsUnready, Unavailable

CHECKOUT = Path(__file__).parents[1]
DOCS = CHECKOUT / "docs"
ENGLISH = Language(Locale("en"), UTC)


def problems_below(problem: type[Problem]) -> Iterator[type[Problem]]:
    for one in problem.__subclasses__():
        if one.__module__.startswith("keyturn.service.problems"):
            yield one
            yield from problems_below(one)


PROBLEMS = {problem.slug: problem for problem in problems_below(Problem) if "slug" in vars(problem) and problem.title}

each_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.slug)


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
