"""Problems: what each defines fits HTTP, and what the frontend declares."""

import re
from pathlib import Path

import pytest
from tests.house.reference import problems

from keyturn.service.problems.problem import Problem

FRONTEND = Path(__file__).parents[2] / "frontend"


PROBLEMS = {problem.slug: problem for problem in problems()}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_what_asks_to_authenticate_names_a_scheme(problem: type[Problem]) -> None:
    """RFC 9110, 11.6.1."""
    assert bool(problem.scheme) == (problem.status == 401)


def test_the_types_that_the_frontend_declares_are_problems() -> None:
    declared = re.findall(r"urn:keyturn:problem:([a-z-]+)", (FRONTEND / "keyturn.d.ts").read_text())
    assert {*declared} <= {*PROBLEMS, "unreachable"}
