"""`keyturn init` on databases as frameworks make them: the mapping that it writes, and what it says
it cannot know.
"""

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

PEPPER, SINGLE_HASH = "Devise's config.pepper", "SECURITY_PASSWORD_SINGLE_HASH"
LOCKOUT = "A new password ends a lockout, because [accounts.table.set] has {}: "
BCRYPT_TOO, STATUS, NAMES = (
    "Keyturn cannot write (ASP.NET Core Identity)",
    "values of status",
    "sign in with {},",
)


NO_TABLE = (
    "--table: no table has a column for addresses and one for passwords: name the table, or "
    "write a store of your own"
)
OF_EVERY_APP = ("Emails are saved in ", "Let your proxy forward ")
"""What is said of every app, by its beginning."""


def rows(tables: str) -> str:
    return f"let your app end the rows of {tables} that let clients in"


def sessions_of(tables: str) -> str:
    return f"Let your app end the sessions in {tables} when"


def found(
    schema: str, engine: str, table: str, hashing: dict[str, Any], *left: str, **columns: Any
) -> tuple[str, str, TableSettings, HashingSettings, tuple[str, ...]]:
    """Return a case: the schema and its engine, the mapping and the hashes that are found, and what
    is left to say.
    """
    return schema, engine, TableSettings(table=table, **columns), HashingSettings(**hashing), left


def intrusion(what: Credentials) -> Ending:
    return Ending(what=what, when="intrusion")


def sessions(*columns: str) -> dict[str, Ending]:
    """Return the sessions that each change ends, by the column of the account."""
    return dict.fromkeys(columns, Ending(what="sessions"))


def kept(*columns: str) -> dict[str, Ending]:
    """Return the sessions that stay, because no column tells whose they are."""
    return dict.fromkeys(columns, Ending(what="sessions", when="never"))


PASSWORD, HASHED = {"password": "password"}, {"password": "hashed_password"}
PHP, ARGON2, DJANGO, RAILS = (
    {"format": name} for name in ("php", "argon2id", "django-pbkdf2", "bcrypt-2a")
)

FOUND = [
    found(
        "django",
        "postgresql",
        "auth_user",
        DJANGO,
        NAMES.format("username"),
        rows("mfa_authenticator, oauth2_provider_accesstoken, oauth2_provider_refreshtoken"),
        name="first_name",
        active="is_active",
        **PASSWORD,
        ends={"authtoken_token.user_id": Ending(what="access_tokens")},
    ),
    found(
        "rails-devise",
        "postgresql",
        "users",
        RAILS,
        PEPPER,
        LOCKOUT.format("unlock_token, locked_at"),
        rows("oauth_access_tokens"),
        password="encrypted_password",
        set={
            "reset_password_token": "{null}",
            "failed_attempts": 0,
            "unlock_token": "{null}",
            "locked_at": "{null}",
        },
    ),
    found(
        "rails-8",
        "sqlite",
        "users",
        RAILS,
        email="email_address",
        password="password_digest",
        ends=sessions("sessions.user_id"),
    ),
    found(
        "laravel-passport",
        "sqlite",
        "users",
        PHP,
        rows("password_reset_tokens, personal_access_tokens"),
        name="name",
        set={"remember_token": "{null}"},
        **PASSWORD,
        ends=sessions("sessions.user_id")
        | {
            "oauth_access_tokens.user_id": intrusion("oauth_grants"),
            "passkeys.authenticatable_id": intrusion("passkeys"),
        },
    ),
    found(
        "prisma",
        "postgresql",
        "User",
        {"cost": 10},
        rows("Authenticator"),
        password="hashedPassword",
        name="name",
        active="isActive",
        set={"resetToken": "{null}", "resetTokenExpiry": "{null}"},
        ends=sessions("Session.userId"),
    ),
    found(
        "quoted-names",
        "postgresql",
        "User",
        {"cost": 10},
        email="Email",
        password="hashedPassword",
        active="isActive",
        provider="authProvider",
        locale="preferredLanguage",
        set={
            "tempPassword": "{null}",
            "passwordChangedAt": "{now}",
            "lastPasswordChange": "{now_ms}",
            "pwChanged": "{now}",
        },
        delete=("PasswordResetToken.userId",),
        ends=sessions("auth.refresh_tokens.owner"),
    ),
    found(
        "django-on-mariadb",
        "mariadb",
        "auth_user",
        DJANGO,
        name="first_name",
        active="is_active",
        set={"password_expired": False},
        ends=sessions("remember_me.account_id"),
        **PASSWORD,
    ),
    found(
        "drizzle",
        "postgresql",
        "users",
        ARGON2,
        name="full_name",
        active="not status = suspended",
        kind="role",
        ends=sessions("user_sessions.owner"),
    ),
    found(
        "fastapi-users",
        "sqlite",
        "user",
        ARGON2,
        active="is_active",
        ends=sessions("accesstoken.user_id"),
        **HASHED,
    ),
    found("litestar", "sqlite", "user_account", ARGON2, name="name", active="is_active", **HASHED),
    found(
        "flask-security",
        "sqlite",
        "user",
        ARGON2,
        SINGLE_HASH,
        NAMES.format("username"),
        name="username",
        active="active",
        **PASSWORD,
        set={"fs_uniquifier": "{random}"},
        ends={"web_authn.user_id": intrusion("passkeys")},
    ),
    found(
        "wordpress",
        "mariadb",
        "wp_users",
        PHP,
        NAMES.format("user_login"),
        id="ID",
        email="user_email",
        password="user_pass",
        name="display_name",
        set={"user_activation_key": ""},
    ),
    found(
        "aspnet-identity",
        "sqlite",
        "AspNetUsers",
        {},
        BCRYPT_TOO,
        NAMES.format("UserName"),
        LOCKOUT.format("LockoutEnd"),
        set={"SecurityStamp": "{random}", "LockoutEnd": "{null}", "AccessFailedCount": 0},
        id="Id",
        email="Email",
        password="PasswordHash",
        name="UserName",
        ends={"AspNetUserPasskeys.UserId": intrusion("passkeys")},
    ),
    found(
        "symfony",
        "postgresql",
        "user",
        PHP | {"cost": 13},
        sessions_of("rememberme_token"),
        delete=("reset_password_request.user_id",),
        ends=kept("rememberme_token.series"),
        **PASSWORD,
    ),
    found(
        "spring",
        "postgresql",
        "app_user",
        {"format": "spring-bcrypt", "cost": 10},
        sessions_of("persistent_logins, spring_session"),
        rows("oauth2_authorization"),
        name="first_name",
        active="enabled",
        ends=kept("persistent_logins.username", "spring_session.primary_id"),
        **PASSWORD,
    ),
    found("phoenix", "sqlite", "users", {}, ends=sessions("users_tokens.user_id"), **HASHED),
    found(
        "directus",
        "postgresql",
        "directus_users",
        ARGON2,
        STATUS,
        name="first_name",
        provider="provider",
        locale="language",
        ends=sessions("directus_sessions.user"),
        **PASSWORD,
    ),
]


@pytest.mark.parametrize(
    ("schema", "databases", "table", "hashing", "left"),
    FOUND,
    indirect=["databases"],
    ids=[one[0] for one in FOUND],
)
def test_the_mapping_of_a_framework_is_found_and_what_is_not_known_is_said(
    keyturn: Keyturn,
    schema: str,
    databases: Databases,
    table: TableSettings,
    hashing: HashingSettings,
    left: list[str],
) -> None:
    url = database_of(schema, databases)
    ended = keyturn("init", "--database", url, *TEXTS, "--apart")
    databases.drop(url)

    assert (ended.code, ended.err) == (0, "")
    settings = read_settings(Path("keyturn.toml"), READY)
    assert settings.accounts.table == msgspec.structs.replace(table, url=url)
    assert settings.hashing == hashing
    questions = [one for one in to_look_at(ended.out) if not one.startswith(OF_EVERY_APP)]
    assert [
        part for part, question in zip(left, questions, strict=True) if part not in question
    ] == []


REFUSED = {
    "better-auth": ("sqlite", f"{NO_TABLE}; its tables: account, session, user, verification"),
    "drupal": ("mariadb", f"{NO_TABLE}; its tables: sessions, users, users_field_data"),
    "strapi": (
        "sqlite",
        (
            "--table: choose one, because several tables could hold the accounts: admin_users, "
            "up_users"
        ),
    ),
    "supabase": (
        "postgresql",
        (
            "--table: auth.users belongs to Supabase Auth, which changes passwords itself: use "
            "--store supabase"
        ),
    ),
}


@pytest.mark.parametrize(
    ("schema", "databases", "why"),
    [(name, *case) for name, case in REFUSED.items()],
    indirect=["databases"],
)
def test_a_database_that_no_mapping_fits_is_told(
    keyturn: Keyturn, schema: str, databases: Databases, why: str
) -> None:
    url = database_of(schema, databases)
    refused = keyturn("init", "--database", url, *TEXTS)
    databases.drop(url)

    assert (refused.code, refused.err) == (1, f"keyturn: {why}\n")
    assert not Path("keyturn.toml").exists()


def database_of(schema: str, databases: Databases) -> str:
    url = databases.empty()
    script = (SCHEMAS / f"{schema}.sql").read_text("utf-8")
    if url.startswith("sqlite"):
        sqlite_app(script, url.removeprefix("sqlite:///"))
    else:
        executed(url, script)
    return url
