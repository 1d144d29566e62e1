"""Problems: each defines its status, title, sentence, members and outcome."""

import re
from datetime import UTC
from pathlib import Path

import pytest
from babel import Locale
from tests.house.reference import problems

from keyturn.errors import KeyturnError, SendRefused
from keyturn.mail.languages import Language
from keyturn.service.problems.problem import Problem, outcome_of, problem_of
from keyturn.service.problems.requests import DatabaseUnready, LimitsUnready, Unavailable

FRONTEND = Path(__file__).parents[1] / "frontend"
ENGLISH = Language(Locale("en"), UTC)


PROBLEMS = {problem.slug: problem for problem in problems()}

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


def test_the_types_that_the_frontend_declares_are_problems() -> None:
    declared = re.findall(r"urn:keyturn:problem:([a-z-]+)", (FRONTEND / "keyturn.d.ts").read_text())
    assert {*declared} <= {*PROBLEMS, "unreachable"}
