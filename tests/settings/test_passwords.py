"""Where leaked passwords are looked up."""

import pytest
from tests.settings.reading import Faults


@pytest.mark.parametrize("url", ["http://mirror.example.org", "ftp://mirror.example.org", "hibb", "https.example.org"])
def test_a_mirror_of_leaked_passwords_has_an_https_address(faults: Faults, url: str) -> None:
    assert set(faults(f'[password]\nbreaches = "{url}"')) == {"password.breaches"}
