"""What is written for PHP, asked of PHP itself: password_hash's functions, which Laravel and Drupal call."""

import json
import subprocess

import pytest

from keyturn.service.reset.passwords.hash_formats import writer_of
from keyturn.service.settings import HashingSettings

pytestmark = pytest.mark.long

ASKED = """
    [, $password, $stored] = $argv;
    echo json_encode([password_verify($password, $stored), password_get_info($stored)["algoName"],
                      password_needs_rehash($stored, PASSWORD_BCRYPT, ["cost" => 12])]);
"""


@pytest.mark.parametrize(
    "settings", [HashingSettings(format="php"), HashingSettings(prefix="$2y$")], ids=lambda one: one.format
)
def test_php_reads_it_knows_it_and_would_leave_it_as_it_is(php: str, settings: HashingSettings) -> None:
    """Laravel asks all three: a hash that PHP does not know ends its sign-in with an error."""
    password = "seven quiet harbours"
    words = [php, "-r", ASKED, password, writer_of(settings)(password.encode())]
    answer = subprocess.run(words, capture_output=True, text=True, check=True)

    assert json.loads(answer.stdout) == [True, "bcrypt", False]
