"""Profiles of passwords, and where leaked ones are looked for."""

import pytest
from tests.settings.reading import Faults, Read

HIBP = '[breaches]\nsource = "hibp"\n'


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


@pytest.mark.parametrize(
    ("written", "shortest"),
    [
        ("", 12),
        ('profile = "nist"', 15),
        ('profile = "asvs"', 12),
        ('profile = "nist"\nmin_length = 20', 20),
        ('profile = "asvs"\nmin_length = 8', 8),
    ],
)
def test_a_profile_raises_the_least_length_and_a_team_may_ask_for_more(read: Read, written: str, shortest: int) -> None:
    assert read(f"{HIBP}[password]\n{written}").password.shortest == shortest


NIST = '[password]\nprofile = "nist"'


@pytest.mark.parametrize(
    ("toml", "variables", "name"),
    [
        (NIST, {"KEYTURN_PASSWORD_MIN_LENGTH": "10"}, "password.min_length"),
        (NIST, {"KEYTURN_PASSWORD_MIN_LENGTH": "14"}, "password.min_length"),
        ('[password]\nprofile = "bsi"', {}, "password.profile"),
        *(
            (f'{HIBP}url = "{url}"', {}, "breaches.url")
            for url in ("http://mirror.example.org", "ftp://mirror.example.org", "", "https.example.org")
        ),
    ],
)
def test_less_than_the_profile_an_unknown_one_and_a_mirror_without_https_are_faults(
    faults: Faults, toml: str, variables: dict[str, str], name: str
) -> None:
    assert set(faults(toml, **variables)) == {name}
