"""Secrets appear in no repr, fault or traceback."""

import traceback

import pytest
from tests.functions.settings.reading import Read

from keyturn.errors import SettingsInvalid

WORD = "hunter2"


@pytest.mark.parametrize(
    "variables",
    [
        {"KEYTURN_SECRET_KEY": WORD * 5},
        {"KEYTURN_PREVIOUS_SECRET_KEYS": f"{WORD},{WORD}-older"},
        {"RESEND_API_KEY": f"re_{WORD}"},
        {"KEYTURN_SMTP_PASSWORD": WORD},
        {"KEYTURN_DATABASE_URL": f"postgresql://keyturn:{WORD}@db.example/keyturn"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_a_secret_is_not_in_the_repr_of_the_settings(read: Read, variables: dict[str, str]) -> None:
    settings = read(**variables)

    assert WORD not in repr(settings)
    assert WORD not in str(settings)


@pytest.mark.parametrize(
    ("toml", "variables", "names"),
    [
        ("", {"KEYTURN_SECRET_KEY": WORD}, {"KEYTURN_SECRET_KEY"}),
        ("", {"KEYTURN_DATABASE_URL": f"mysql://keyturn:{WORD}@db.example/keyturn"}, {"database.url"}),
        (
            f'previous_secret_keys = {{ word = "{WORD}" }}\n[smtp]\npassword = {{ word = "{WORD}" }}',
            {},
            {"previous_secret_keys", "smtp.password"},
        ),
    ],
    ids=["too short", "of a database that is not used", "of the wrong kind"],
)
def test_secrets_are_in_no_fault_or_traceback(
    read: Read, toml: str, variables: dict[str, str], names: set[str]
) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        read(toml, **variables)

    assert {fault.name for fault in invalid.value.faults} == names
    assert WORD not in "".join(traceback.format_exception(invalid.value))
