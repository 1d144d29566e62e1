"""The challenge, and the code beside a link."""

import pytest
from tests.settings.reading import Faults, Read


def test_one_line_switches_on_what_needs_nobody_else(read: Read) -> None:
    assert read('[challenge]\nmethod = "altcha"').challenge.method == "altcha"
    assert read("[token]\ncode = true").token.code


@pytest.mark.parametrize("method", ["turnstile", "hcaptcha"])
def test_a_service_needs_both_of_its_keys_and_altcha_none(faults: Faults, method: str) -> None:
    assert set(faults(f'[challenge]\nmethod = "{method}"')) == {"challenge.site_key", "challenge.secret"}
    assert set(faults('[challenge]\nmethod = "altcha"\nsite_key = "x"\nsecret = "y"')) == {
        "challenge.site_key",
        "challenge.secret",
    }


def test_codes_need_a_key_that_all_processes_know(faults: Faults) -> None:
    found = faults('environment = "development"\n[token]\ncode = true', KEYTURN_SECRET_KEY="")
    assert "codes need it" in found["KEYTURN_SECRET_KEY"]
