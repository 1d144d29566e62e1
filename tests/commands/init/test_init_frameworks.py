"""`keyturn init` on databases as frameworks make them: the mapping that it writes, and what it says it cannot know."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.commands.command import Keyturn
from tests.commands.init.apps import READY, TEXTS, executed, sqlite_app, to_look_at
from tests.servers.databases import Databases

from keyturn.service.settings import Credentials, Ending, HashingSettings, TableSettings
from keyturn.service.settings.reading import read_settings

pytestmark = pytest.mark.long

SCHEMAS = Path(__file__).parent / "schemas"
ARGON2 = HashingSettings(format="argon2id")

PEPPER, SINGLE_HASH, STAMP = "Devise's config.pepper", "SECURITY_PASSWORD_SINGLE_HASH", "UpdateSecurityStampAsync"
BCRYPT_TOO, STATUS, NAMES = "Keyturn cannot write ASP.NET Core Identity hashes", "values of status", "sign in with {},"


NO_TABLE = (
    "--table: no table has a column for addresses and one for passwords: name the table, or write a store of your own"
)
OF_EVERY_APP = ("Mails are saved in ", "Let your proxy forward ")
"""What is said of every app, by its beginning."""


def rows(tables: str) -> str:
    return f"let your app end the rows of {tables} that let clients in"


def intrusion(what: Credentials, **changes: Any) -> Ending:
    return Ending(what=what, when="intrusion", **changes)


FOUND = [
    (
        "django", "postgresql",
        TableSettings(
            table="auth_user", password="password", name="first_name", active="is_active",
            delete=("authtoken_token.user_id",),
        ),
        HashingSettings(format="django-pbkdf2"),
        [
            NAMES.format("username"),
            rows("mfa_authenticator, oauth2_provider_accesstoken, oauth2_provider_refreshtoken"),
        ],
    ),
    (
        "rails-devise", "postgresql",
        TableSettings(
            table="users", password="encrypted_password", set={"reset_password_token": "{null}"},
        ),
        HashingSettings(format="bcrypt-2a"), [PEPPER, rows("oauth_access_tokens")],
    ),
    (
        "rails-8", "sqlite",
        TableSettings(
            table="users", email="email_address", password="password_digest", delete=("sessions.user_id",),
        ),
        HashingSettings(format="bcrypt-2a"), [],
    ),
    (
        "laravel", "sqlite",
        TableSettings(
            table="users", password="password", name="name", set={"remember_token": "{null}"},
            delete=("sessions.user_id",),
        ),
        HashingSettings(format="php"),
        [rows("password_reset_tokens, personal_access_tokens")],
    ),
    (
        "laravel-passport", "sqlite",
        TableSettings(
            table="users", password="password", name="name", set={"remember_token": "{null}"},
            delete=("sessions.user_id",),
            ends={
                "oauth_access_tokens.user_id": intrusion("oauth_grants"),
                "passkeys.authenticatable_id": intrusion("passkeys"),
            },
        ),
        HashingSettings(format="php"),
        [rows("password_reset_tokens, personal_access_tokens")],
    ),
    (
        "prisma", "postgresql",
        TableSettings(
            table="User", password="hashedPassword", name="name", active="isActive",
            set={"resetToken": "{null}", "resetTokenExpiry": "{null}"}, delete=("Session.userId",),
        ),
        HashingSettings(cost=10), [rows("Authenticator")],
    ),
    (
        "quoted-names", "postgresql",
        TableSettings(
            table="User", email="Email", password="hashedPassword", active="isActive", provider="authProvider",
            locale="preferredLanguage",
            set={
                "tempPassword": "{null}", "passwordChangedAt": "{now}", "lastPasswordChange": "{now_ms}",
                "pwChanged": "{now}",
            },
            delete=("PasswordResetToken.userId", "auth.refresh_tokens.owner"),
        ),
        HashingSettings(cost=10), [],
    ),
    (
        "django-on-mariadb", "mariadb",
        TableSettings(
            table="auth_user", password="password", name="first_name", active="is_active",
            set={"password_expired": False}, delete=("remember_me.account_id",),
        ),
        HashingSettings(format="django-pbkdf2"), [],
    ),
    (
        "drizzle", "postgresql",
        TableSettings(
            table="users", name="full_name", active="not status = suspended", kind="role",
            delete=("user_sessions.owner",),
        ),
        ARGON2, [],
    ),
    (
        "fastapi-users", "sqlite",
        TableSettings(
            table="user", password="hashed_password", active="is_active", delete=("accesstoken.user_id",),
        ),
        ARGON2, [],
    ),
    (
        "litestar", "sqlite",
        TableSettings(table="user_account", password="hashed_password", name="name", active="is_active"), ARGON2, [],
    ),
    (
        "flask-security", "sqlite",
        TableSettings(
            table="user", password="password", name="username", active="active",
            ends={"web_authn.user_id": intrusion("passkeys")},
        ),
        ARGON2, [SINGLE_HASH, NAMES.format("username")],
    ),
    (
        "wordpress", "mariadb",
        TableSettings(
            table="wp_users", id="ID", email="user_email", password="user_pass", name="display_name",
            set={"user_activation_key": ""},
        ),
        HashingSettings(format="php"), [NAMES.format("user_login")],
    ),
    (
        "aspnet-identity", "sqlite",
        TableSettings(
            table="AspNetUsers", id="Id", email="Email", password="PasswordHash", name="UserName",
            ends={"AspNetUserPasskeys.UserId": intrusion("passkeys")},
        ),
        HashingSettings(), [STAMP, NAMES.format("UserName"), BCRYPT_TOO],
    ),
    (
        "symfony", "postgresql",
        TableSettings(table="user", password="password", delete=("reset_password_request.user_id",)),
        HashingSettings(format="php", cost=13), [rows("rememberme_token")],
    ),
    (
        "spring", "postgresql",
        TableSettings(table="app_user", password="password", name="first_name", active="enabled"),
        HashingSettings(format="spring-bcrypt", cost=10),
        [rows("oauth2_authorization, persistent_logins, spring_session")],
    ),
    (
        "phoenix", "sqlite",
        TableSettings(table="users", password="hashed_password", delete=("users_tokens.user_id",)),
        HashingSettings(), [],
    ),
    (
        "directus", "postgresql",
        TableSettings(
            table="directus_users", password="password", name="first_name", provider="provider", locale="language",
            delete=("directus_sessions.user",),
        ),
        ARGON2, [STATUS],
    ),
    (
        "express-session", "postgresql",
        TableSettings(table="Users", password="password", name="username"),
        HashingSettings(cost=10), [STATUS, NAMES.format("username"), rows("session")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "databases", "table", "hashing", "left"), FOUND, indirect=["databases"], ids=[one[0] for one in FOUND]
)
def test_the_mapping_of_a_framework_is_found_and_what_is_not_known_is_said(
    keyturn: Keyturn, schema: str, databases: Databases, table: TableSettings, hashing: HashingSettings, left: list[str]
) -> None:
    url = database_of(schema, databases)
    ended = keyturn("init", "--database", url, *TEXTS, "--apart")
    databases.drop(url)

    assert (ended.code, ended.err) == (0, "")
    settings = read_settings(Path("keyturn.toml"), READY)
    assert settings.accounts.table == msgspec.structs.replace(table, url=url)
    assert settings.hashing == hashing
    questions = [one for one in to_look_at(ended.out) if not one.startswith(OF_EVERY_APP)]
    assert [part for part, question in zip(left, questions, strict=True) if part not in question] == []


@pytest.mark.parametrize(
    ("schema", "databases", "why"),
    [
        ("better-auth", "sqlite", f"{NO_TABLE}; its tables: account, session, user, verification"),
        (
            "supabase",
            "postgresql",
            "--table: auth.users belongs to Supabase Auth, which changes passwords itself: use --store supabase",
        ),
        (
            "strapi",
            "sqlite",
            "--table: choose one, because several tables could hold the accounts: admin_users, up_users",
        ),
        ("drupal", "mariadb", f"{NO_TABLE}; its tables: sessions, users, users_field_data"),
    ],
    indirect=["databases"],
)
def test_a_database_that_no_mapping_fits_is_one_sentence(
    keyturn: Keyturn, schema: str, databases: Databases, why: str
) -> None:
    url = database_of(schema, databases)
    refused = keyturn("init", "--database", url, *TEXTS)
    databases.drop(url)

    assert (refused.code, refused.err) == (1, f"keyturn: {why}\n")
    assert not Path("keyturn.toml").exists()


def test_each_schema_is_one_that_a_test_reads() -> None:
    refused = {"better-auth", "supabase", "strapi", "drupal"}

    assert {file.stem for file in SCHEMAS.glob("*.sql")} == {one[0] for one in FOUND} | refused


def database_of(schema: str, databases: Databases) -> str:
    """Return the address of a fresh database with the tables of the framework."""
    url = databases.empty()
    script = (SCHEMAS / f"{schema}.sql").read_text("utf-8")
    if url.startswith("sqlite"):
        sqlite_app(script, url.removeprefix("sqlite:///"))
    else:
        executed(url, script)
    return url
