"""What is written for PHP, asked of PHP itself: password_hash's functions, which Laravel and Drupal call."""

import json
import subprocess
from collections.abc import Mapping

import pytest
from tests.driver.service import NEW_PASSWORD, Start, problem

pytestmark = [pytest.mark.long, pytest.mark.parametrize("databases", ["sqlite"], indirect=True)]

ASKED = """
    [, $password, $stored] = $argv;
    echo json_encode([password_verify($password, $stored), password_get_info($stored)["algoName"],
                      password_needs_rehash($stored, PASSWORD_BCRYPT, ["cost" => 12])]);
"""


@pytest.mark.parametrize("hashing", [{"format": "php"}])
async def test_php_reads_it_knows_it_and_would_leave_it_as_it_is(
    php: str, start: Start, hashing: Mapping[str, str]
) -> None:
    """Laravel asks all three: a hash that PHP does not know ends its sign-in with an error."""
    service = await start(hashing=hashing)
    assert problem(await service.reset(await service.link())) == "200"

    assert answer_of(php, NEW_PASSWORD, await service.password_hash()) == [True, "bcrypt", False]


def answer_of(php: str, password: str, stored: str) -> object:
    words = [php, "-r", ASKED, password, stored]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
