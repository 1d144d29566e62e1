"""Profiles of passwords, and where leaked ones are looked for."""

import pytest
from tests.settings.reading import Faults, Read

HIBP = '[breaches]\nsource = "hibp"\n'


@pytest.mark.parametrize(("written", "shortest"), [("", 12), ('profile = "nist"', 15), ('profile = "asvs"', 12)])
def test_a_profile_raises_the_least_length_to_its_own(read: Read, written: str, shortest: int) -> None:
    assert read(f"{HIBP}[password]\n{written}").password.shortest == shortest


def test_a_team_may_ask_for_more_than_its_profile_and_asvs_for_eight(read: Read) -> None:
    assert read('[password]\nprofile = "nist"\nmin_length = 20').password.shortest == 20
    assert read(f'{HIBP}[password]\nprofile = "asvs"\nmin_length = 8').password.shortest == 8


def test_everything_that_falls_short_of_a_profile_is_told_at_once(faults: Faults) -> None:
    written = "min_length = 7\nuppercase = true\nspecial = true\nblock_common = false"
    found = faults(f'[password]\nprofile = "asvs"\n{written}')

    assert set(found) == {
        "password.min_length",
        "password.uppercase",
        "password.special",
        "password.block_common",
        "breaches.source",
    }
    assert found["password.min_length"] == "must be at least 8 for the profile asvs"


@pytest.mark.parametrize("variable", ["10", "14"])
def test_a_length_from_the_environment_is_held_to_the_profile_too(faults: Faults, variable: str) -> None:
    assert set(faults('[password]\nprofile = "nist"', KEYTURN_PASSWORD_MIN_LENGTH=variable)) == {"password.min_length"}


def test_an_unknown_profile_is_refused(faults: Faults) -> None:
    assert set(faults('[password]\nprofile = "bsi"')) == {"password.profile"}


@pytest.mark.parametrize("url", ["http://mirror.example.org", "ftp://mirror.example.org", "", "https.example.org"])
def test_a_mirror_is_asked_over_https(faults: Faults, url: str) -> None:
    assert set(faults(f'{HIBP}url = "{url}"')) == {"breaches.url"}
