"""Kinds of accounts: what differs for them, checked as what it stands in for is."""

import pytest
from tests.functions.settings.reading import Faults, Read

SCHOOL = '[kinds.school]\nsettings_url = "{base_url}/school-settings/security"\n'


def test_each_kind_has_its_own(read: Read) -> None:
    settings = read(
        SCHOOL + '[kinds.school.brand]\nname = "${NAME}"\nlogo_width = "${WIDTH}"\n[kinds."other one"]\n',
        NAME="Northwind Schools",
        WIDTH="90",
    )

    assert settings.kinds["school"].settings_url == "{base_url}/school-settings/security"
    assert settings.kinds["school"].brand == {"name": "Northwind Schools", "logo_width": 90}
    assert settings.kinds["other one"].brand == {}


def test_every_fault_in_them_is_told_by_its_name(faults: Faults) -> None:
    found = faults(
        """
        [kinds.school]
        setting_url = "{base_url}/x"
        [kinds.school.brand]
        acent = "#14614b"
        accent = "green"
        logo_width = "wide"
        name = "${NAME}"
        [kinds.viewer]
        brand = "Northwind"
        [kinds]
        guest = "x"
        """
    )

    assert found == {
        "kinds.school.setting_url": "unknown setting; did you mean settings_url?",
        "kinds.school.brand.acent": "unknown setting; did you mean accent?",
        "kinds.school.brand.accent": "must be a colour as #rrggbb, not 'green'",
        "kinds.school.brand.logo_width": "must be a whole number of at least 1, not 'wide'",
        "kinds.school.brand.name": "the variable NAME is not set",
        "kinds.viewer.brand": "is a section: write [kinds.viewer.brand]",
        "kinds.guest": "is a section: write [kinds.guest]",
    }


@pytest.mark.parametrize("kind", ['""', '"other one"', '"a.b"'])
def test_a_kind_is_named_as_it_is_written(faults: Faults, kind: str) -> None:
    toml = 'settings_url = "/x"\nlocale = 1\nbrand = { support_address = "nobody", acent = "" }'

    assert set(faults(f"[kinds.{kind}]\n{toml}")) == {
        f"kinds.{kind}.{name}" for name in ("settings_url", "locale", "brand.support_address", "brand.acent")
    }
    assert set(faults(f'[kinds.{kind}]\nsettings_url = "{{base_url}}/login"')) == {f"kinds.{kind}.settings_url"}
    assert set(faults(f"[kinds]\n{kind} = 1")) == {f"kinds.{kind}"}


@pytest.mark.parametrize(
    ("toml", "name", "why"),
    [
        ('settings_url = "{base_url}/{token}"', "settings_url", "has an unknown placeholder {token}: use one of"),
        ('settings_url = "/settings"', "settings_url", "must begin with {base_url} or https://"),
        ('settings_url = "http://a.example/x"', "settings_url", "must be https in production"),
        ('brand = { support_address = "nobody" }', "brand.support_address", "not an email address: nobody"),
        ('brand = { logo = "http://a.example/x" }', "brand.logo", "must begin with https://"),
    ],
)
def test_a_kind_that_could_not_work_is_a_fault(faults: Faults, toml: str, name: str, why: str) -> None:
    found = faults(f"[kinds.school]\n{toml}")

    assert set(found) == {f"kinds.school.{name}"}
    assert found[f"kinds.school.{name}"].startswith(why)
