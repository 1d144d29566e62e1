"""Tables of data: problems fit HTTP and what the frontend declares; each mail service has an
address.
"""

import re
from pathlib import Path

import pytest
from tests.house.reference import problems

from keyturn.service.api.mail_services import known_services
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


def test_every_service_has_an_address_and_no_domain_two() -> None:
    services = known_services().services
    domains = [domain for service in services for domain in service.domains]
    assert len(domains) == len(set(domains))
    assert all(service.url.startswith("https://") and service.name for service in services)
    assert not set(known_services().others) & set(domains)
