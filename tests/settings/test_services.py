"""Settings of Keyturn's database, of services and of the app's webhooks."""

import pytest
from tests.settings.reading import Faults, Read


@pytest.mark.parametrize(
    ("url", "schema", "why"),
    [
        ("sqlite:///x.db", "keyturn", "is set, but only PostgreSQL has schemas: remove it"),
        ("postgresql://db/x", "Key Turn", "must be a plain name of lower-case letters, digits and _, such as keyturn"),
        ("postgresql://db/x", "x" * 64, "must be a plain name of lower-case letters, digits and _, such as keyturn"),
    ],
)
def test_a_schema_is_postgresqls(faults: Faults, read: Read, url: str, schema: str, why: str) -> None:
    assert faults(KEYTURN_DATABASE_URL=url, KEYTURN_DATABASE_SCHEMA=schema) == {"database.schema": why}
    assert (
        read(KEYTURN_DATABASE_URL="postgresql://db/x", KEYTURN_DATABASE_SCHEMA="keyturn").database.schema == "keyturn"
    )


def test_what_mysql_is_good_for_is_told(faults: Faults) -> None:
    found = faults(KEYTURN_DATABASE_URL="mysql://app:hunter2@db.example/app")

    assert "MySQL works for the accounts (accounts.table.url)" in found["database.url"]
    assert "hunter2" not in found["database.url"]


SIGNING = "whsec_c2VjcmV0LW9mLXR3ZW50eS1mb3VyLWJ5dGVz"


@pytest.mark.parametrize(
    ("variables", "name", "why"),
    [
        ({"URL": "https://app.example.org/hooks"}, "webhooks.secret", "missing: webhooks.url is set"),
        ({"SECRET": SIGNING}, "webhooks.url", "missing: webhooks.secret is set"),
        ({"URL": "https://a.example", "SECRET": "short"}, "webhooks.secret", "must be a signing secret"),
        ({"URL": "http://a.example", "SECRET": SIGNING}, "webhooks.url", "must be https in production"),
        ({"URL": "a.example", "SECRET": SIGNING}, "webhooks.url", "must be an address like https://app.example.org"),
    ],
)
def test_the_app_is_told_over_https_and_signed(
    faults: Faults, read: Read, variables: dict[str, str], name: str, why: str
) -> None:
    found = faults(**{f"KEYTURN_WEBHOOKS_{key}": value for key, value in variables.items()})

    assert set(found) == {name}
    assert found[name].startswith(why)
    assert read(KEYTURN_WEBHOOKS_URL="https://app.example.org/hooks", KEYTURN_WEBHOOKS_SECRET=SIGNING)
