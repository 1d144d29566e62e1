"""Problems: each defines its status, title, sentence, members and outcome."""

import re
from datetime import UTC
from pathlib import Path

import pytest
from babel import Locale
from tests.house.reference import problems

from keyturn.mail.languages import Language
from keyturn.service.problems.problem import Problem

FRONTEND = Path(__file__).parents[2] / "frontend"
ENGLISH = Language(Locale("en"), UTC)


PROBLEMS = {problem.slug: problem for problem in problems()}

each_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.slug)


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
