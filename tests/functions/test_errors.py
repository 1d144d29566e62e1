"""Tables of data: problems fit HTTP and what the frontend declares; each mail service has an
address.
"""

import pickle
import re
from pathlib import Path

import pytest
from tests.house.reference import problems

from keyturn.errors import TemplateInvalid
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


def test_template_fault_of_another_process() -> None:
    """A template's fault that crosses from a worker process keeps its column, the further faults of
    its mail, and whether it fails with any values.
    """
    fault = TemplateInvalid("mails/news.html", 3, "an end is missing")
    fault.column = 7
    fault.by_itself = True
    fault.others = (TemplateInvalid("mails/news.txt", None, "empty"),)
    arrived = pickle.loads(pickle.dumps(fault))  # noqa: S301 - our own
    assert str(arrived) == "mails/news.html:3: an end is missing"
    assert (arrived.column, arrived.by_itself) == (7, True)
    assert [str(one) for one in arrived.others] == ["mails/news.txt: empty"]
