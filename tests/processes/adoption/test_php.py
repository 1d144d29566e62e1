"""What is written for PHP, asked of PHP itself: Laravel asks all three, and fails at a hash that PHP does not know."""

import json
import subprocess

import pytest
from tests.driver.service import NEW_PASSWORD, Start

ASKED = """
    [, $password, $stored] = $argv;
    echo json_encode([password_verify($password, $stored), password_get_info($stored)["algoName"],
                      password_needs_rehash($stored, PASSWORD_BCRYPT, ["cost" => 12])]);
"""


@pytest.mark.long
@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_php_reads_it_knows_it_and_would_leave_it_as_it_is(php: str, start: Start) -> None:
    service = await start(hashing={"format": "php"})
    assert (await service.reset(await service.link())).status_code == 200

    assert answer_of(php, NEW_PASSWORD, await service.password_hash()) == [True, "bcrypt", False]


def answer_of(php: str, password: str, stored: str) -> object:
    return json.loads(subprocess.check_output([php, "-r", ASKED, password, stored]))
