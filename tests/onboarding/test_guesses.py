"""Which table has the accounts, and what its columns are: the schemas that frameworks make."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from keyturn.service.onboarding.checklist import open_questions
from keyturn.service.onboarding.guesses import clear_choice, guess, likely_tables, shared_credentials
from keyturn.service.onboarding.survey import NotReached, Table, sample_values, survey
from keyturn.service.settings import Credentials, Ending, TableSettings

RAILS = """
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, encrypted_password TEXT, username TEXT, disabled_at DATETIME,
  reset_password_token TEXT, preferred_language TEXT, password_updated_at DATETIME, failed_attempts INTEGER);
CREATE TABLE active_sessions (id INTEGER PRIMARY KEY, user_id INTEGER);
CREATE TABLE comments (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id));
"""
OLD_PHP = """
CREATE TABLE members (member_no INTEGER PRIMARY KEY, mail TEXT, passwd TEXT, lang TEXT, session_token TEXT NOT NULL,
  remember_me_token TEXT, api_token TEXT);
"""
GERMAN = """
CREATE TABLE benutzer (nr INTEGER PRIMARY KEY, "E-Mail-Adresse" TEXT, "Kennwort" TEXT, "Vorname" TEXT, gesperrt BOOLEAN,
  sprache TEXT, "Zeitzone" TEXT, rolle TEXT, "Passwort_geändert_am" DATETIME, "muss_Passwort_ändern" BOOLEAN);
CREATE TABLE benutzersitzung (id INTEGER PRIMARY KEY, benutzer_id INTEGER);
CREATE TABLE sitzung (id INTEGER PRIMARY KEY, benutzer_id INTEGER);
"""
GERMAN_ASCII = """
CREATE TABLE nutzer (id INTEGER PRIMARY KEY, mailadresse TEXT, passwort_hash TEXT, anzeigename TEXT, aktiv BOOLEAN,
  passwort_geaendert DATETIME, passwort_aendern BOOLEAN);
"""
FRENCH = """
CREATE TABLE utilisateurs (id INTEGER PRIMARY KEY, courriel TEXT, "mot de passe" TEXT, "prénom" TEXT, actif BOOLEAN,
  langue TEXT, fuseau_horaire TEXT, mot_de_passe_modifié_le DATETIME, doit_changer_mot_de_passe BOOLEAN);
"""
SPANISH = """
CREATE TABLE usuarios (id INTEGER PRIMARY KEY, correo_electrónico TEXT, "contraseña" TEXT, nombre TEXT,
  bloqueado BOOLEAN, idioma TEXT, zona_horaria TEXT, fecha_cambio_contraseña DATETIME, debe_cambiar_contraseña BOOLEAN);
"""
SHORT = """
CREATE TABLE members (id INTEGER PRIMARY KEY, login_mail TEXT, pw_hash TEXT, pw_changed TEXT, must_change BOOLEAN,
  must_change_pw BOOLEAN);
"""
ODD = """
CREATE TABLE pupils (
  id INTEGER PRIMARY KEY, nick TEXT, adr TEXT, geheim TEXT, reset_hash TEXT, kontakt_adr TEXT, note TEXT
);
INSERT INTO pupils VALUES (1, 'ada', 'ada@northwind.example',
  '$2b$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq',
  '$2b$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', 'eva@northwind.example', 'see a@b.de');
INSERT INTO pupils VALUES (2, 'eva', 'eva@northwind.example',
  '$2b$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq',
  NULL, NULL, NULL);
INSERT INTO pupils VALUES (3, 'kim', 'kim@northwind.example', NULL, NULL, NULL, '');
"""
TWO_NAMES = """
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, mail BOOLEAN, password TEXT, pass TEXT);
INSERT INTO users VALUES (1, 'ada@northwind.example', 1, 'main entrance',
  '$2b$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq');
"""
OF_UNKNOWN_FORMAT = """
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password TEXT, phrase TEXT);
INSERT INTO users VALUES (1, 'ada@northwind.example', '5f4dcc3b5aa765d61d8327deb882cf99',
  '$2b$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq');
"""


async def sampled(script: str, folder: Path) -> dict[str, Table]:
    tables = await tables_of(script, folder)
    return {table.name: table for table in await sample_values(f"sqlite:///{folder / 'app.db'}", list(tables.values()))}


async def tables_of(script: str, folder: Path) -> dict[str, Table]:
    with sqlite3.connect(folder / "app.db") as database:
        database.executescript(script)
    database.close()
    return (await survey(f"sqlite:///{folder / 'app.db'}")).tables


@pytest.mark.parametrize(
    ("script", "found"),
    [
        (
            OLD_PHP,
            TableSettings(
                table="members", id="member_no", email="mail", password="passwd", locale="lang",
                set={"remember_me_token": "{null}"},
                ends={"members.member_no": Ending(what="api_keys", when="intrusion", set={"api_token": "{null}"})},
            ),
        ),
        (
            GERMAN,
            TableSettings(
                table="benutzer", id="nr", email="E-Mail-Adresse", password="Kennwort", name="Vorname",
                active="not gesperrt", kind="rolle", locale="sprache", timezone="Zeitzone",
                set={"Passwort_geändert_am": "{now}", "muss_Passwort_ändern": False},
                delete=("benutzersitzung.benutzer_id",),
            ),
        ),
        (
            GERMAN_ASCII,
            TableSettings(
                table="nutzer", email="mailadresse", password="passwort_hash", name="anzeigename", active="aktiv",
                set={"passwort_geaendert": "{now}", "passwort_aendern": False},
            ),
        ),
        (
            FRENCH,
            TableSettings(
                table="utilisateurs", email="courriel", password="mot de passe", name="prénom", active="actif",
                locale="langue", timezone="fuseau_horaire",
                set={"mot_de_passe_modifié_le": "{now}", "doit_changer_mot_de_passe": False},
            ),
        ),
        (
            SPANISH,
            TableSettings(
                table="usuarios", email="correo_electrónico", password="contraseña", name="nombre",
                active="not bloqueado", locale="idioma", timezone="zona_horaria",
                set={"fecha_cambio_contraseña": "{now}", "debe_cambiar_contraseña": False},
            ),
        ),
        (
            SHORT,
            TableSettings(
                table="members", email="login_mail", password="pw_hash",
                set={"pw_changed": "{now_iso}", "must_change": False, "must_change_pw": False},
            ),
        ),
    ],
    ids=["old php", "German", "German in ASCII", "French", "Spanish", "short"],
)  # fmt: skip
async def test_tables_with_names_in_four_languages_are_found(tmp_path: Path, script: str, found: TableSettings) -> None:
    tables = await tables_of(script, tmp_path)

    assert guess(tables[clear_choice(likely_tables(tables))], tables) == found


async def test_addresses_and_hashes_are_found_by_their_values_where_their_columns_have_unknown_names(
    tmp_path: Path,
) -> None:
    unnamed = await tables_of(ODD, tmp_path)
    (pupils,) = await sample_values(f"sqlite:///{tmp_path / 'app.db'}", list(unnamed.values()))

    assert likely_tables(unnamed) == []
    assert likely_tables({"pupils": pupils}) == ["pupils"]
    assert (guess(pupils, {}).email, guess(pupils, {}).password) == ("adr", "geheim")


async def test_the_usual_name_is_meant_where_others_have_an_address_and_a_password_too(tmp_path: Path) -> None:
    wifi = "CREATE TABLE guest_wifi (id INTEGER PRIMARY KEY, email TEXT, password TEXT);"
    tables = await tables_of(RAILS + wifi, tmp_path)

    assert likely_tables(tables) == ["users", "guest_wifi"]
    assert clear_choice(likely_tables(tables)) == "users"


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, password TEXT);",
        "CREATE TABLE users (email TEXT, password TEXT);",
        "CREATE TABLE keyturn_accounts (id TEXT PRIMARY KEY, email TEXT, password_hash TEXT);",
    ],
)
async def test_what_lacks_a_part_of_an_account_is_none(tmp_path: Path, script: str) -> None:
    assert likely_tables(await tables_of(script, tmp_path)) == []


@pytest.mark.parametrize(
    ("column", "active"),
    [
        (
            "status TEXT CHECK (status IN ('active', 'Suspended', 'it''s over', 'banned'))",
            "not status = Suspended | banned",
        ),
        ("\"accountStatus\" TEXT CHECK (\"accountStatus\" in ('open', 'closed'))", "not accountStatus = closed"),
        ("status TEXT CHECK (status IN ('new', 'banned') OR email = 'deleted')", "not status = banned"),
        ("status TEXT CHECK (status IN ('new', 'old'))", ""),
        ("status TEXT CHECK (length(status) > 3 OR status = 'banned')", ""),
        ("state TEXT, deleted_at DATETIME", "not deleted_at"),
        ("status INTEGER", ""),
    ],
)
async def test_a_status_is_told_by_the_values_that_its_table_lists(tmp_path: Path, column: str, active: str) -> None:
    tables = await tables_of(
        f"CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password TEXT, {column})", tmp_path
    )

    assert guess(tables["users"], tables).active == active


ACCOUNTS = {
    "benutzer": "CREATE TABLE benutzer (nr INTEGER PRIMARY KEY, email TEXT UNIQUE, kennwort TEXT);",
    "usuarios": "CREATE TABLE usuarios (id INTEGER PRIMARY KEY, correo TEXT, clave TEXT);",
    "utilisateurs": "CREATE TABLE utilisateurs (no INTEGER PRIMARY KEY, courriel TEXT, mdp TEXT);",
}


@pytest.mark.parametrize(
    ("accounts", "other", "delete"),
    [
        ("benutzer", "sitzungen (id TEXT PRIMARY KEY, benutzer_nr INTEGER REFERENCES benutzer(nr))", "benutzer_nr"),
        ("benutzer", "sitzung (kennung TEXT PRIMARY KEY, wer INTEGER REFERENCES benutzer(nr))", "wer"),
        ("benutzer", "nutzersitzungen (id TEXT, benutzer_nr INTEGER)", "benutzer_nr"),
        ("benutzer", "sessions (id TEXT, ort INTEGER REFERENCES orte(id), nr_benutzer INTEGER)", "nr_benutzer"),
        ("usuarios", "sesiones (id TEXT, de INTEGER REFERENCES usuarios(id))", "de"),
        ("usuarios", '"sesión" (token TEXT, usuario_id INTEGER REFERENCES usuarios(id))', "usuario_id"),
        ("utilisateurs", "sessions (id TEXT, no_utilisateur INTEGER)", "no_utilisateur"),
    ],
)
async def test_sessions_are_found_in_four_languages_by_who_they_point_to(
    tmp_path: Path, accounts: str, other: str, delete: str
) -> None:
    tables = await tables_of(f"{ACCOUNTS[accounts]} CREATE TABLE {other};", tmp_path)
    settings = guess(tables[accounts], tables)

    assert settings.delete == (f"{other.split(maxsplit=1)[0].strip(chr(34))}.{delete}",)
    assert not list(open_questions(settings, tables))


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (
            "sitzungen (id INTEGER, titel TEXT, leiter INTEGER REFERENCES benutzer(nr))",
            (
                'If sitzungen contains sign-in sessions, and not meetings, add "sitzungen.leiter" to'
                " accounts.table.delete"
            ),
        ),
        (
            "sitzung (id INTEGER, benutzer_nr INTEGER REFERENCES benutzer(nr))",
            (
                'If sitzung contains sign-in sessions, and not meetings, add "sitzung.benutzer_nr" to'
                " accounts.table.delete"
            ),
        ),
        (
            "sesiones (id INTEGER)",
            "If sesiones contains sign-in sessions, and not meetings, let your app end them after a change",
        ),
        (
            "sessions (id TEXT, wer TEXT REFERENCES benutzer(email))",
            (
                "After a change, let your app end the sessions in sessions: Keyturn cannot, because no column there has"
                " the id of an account. Use the webhook password.changed, or store a fingerprint of the hash in each"
                " session"
            ),
        ),
    ],
)
async def test_what_may_be_a_meeting_or_is_nobodys_is_not_deleted_and_is_told(
    tmp_path: Path, other: str, told: str
) -> None:
    tables = await tables_of(f"{ACCOUNTS['benutzer']} CREATE TABLE {other};", tmp_path)
    settings = guess(tables["benutzer"], tables)

    assert settings.delete == ()
    assert list(open_questions(settings, tables)) == [told]


async def test_rows_that_a_person_keeps_are_not_said_to_hold_no_account(tmp_path: Path) -> None:
    tables = await tables_of(f"{ACCOUNTS['benutzer']} CREATE TABLE sessions (id TEXT, benutzer_id INTEGER);", tmp_path)

    assert list(open_questions(TableSettings(table="benutzer", id="nr", email="email"), tables)) == []


async def test_looking_changes_nothing_and_makes_nothing(tmp_path: Path) -> None:
    await tables_of(RAILS, tmp_path)
    before = (tmp_path / "app.db").read_bytes()
    await survey(f"sqlite:///{tmp_path / 'app.db'}")
    with pytest.raises(NotReached, match="No such file"):
        await survey(f"sqlite:///{tmp_path / 'other.db'}")

    assert (tmp_path / "app.db").read_bytes() == before
    assert not (tmp_path / "other.db").exists()


USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password TEXT);"
OWNED = "(id INTEGER PRIMARY KEY, user_id INTEGER)"


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("passkeys", ("passkeys", "user_passkey", "AspNetUserPasskeys", "webauthn_credentials", "fido2_keys")),
        ("passkeys", ("public_key_credential_sources", "Authenticator", "security_keys")),
        ("access_tokens", ("personal_access_tokens", "user_access_tokens", "zugriffstoken", "jetons_d_acces")),
        ("api_keys", ("api_keys", "ApiToken", "apikey", "user_api_keys", "api_schluessel", "application_passwords")),
        ("ssh_keys", ("ssh_keys", "UserSshKey", "ssh_public_keys", "ssh_schluessel", "cles_ssh")),
        ("oauth_grants", ("oauth_access_tokens", "oauth2_provider_grant", "oauthRefreshToken", "oauth_consents")),
        ("trusted_devices", ("trusted_devices", "remembered_browsers", "vertrauenswürdige_geräte")),
    ],
)
async def test_tables_of_credentials_are_known_by_their_names(
    tmp_path: Path, what: Credentials, names: Sequence[str]
) -> None:
    script = USERS + "".join(f'CREATE TABLE "{name}" {OWNED};' for name in names)
    tables = await tables_of(script, tmp_path)

    when: Literal["change", "intrusion"] = "change" if what == "trusted_devices" else "intrusion"
    assert guess(tables["users"], tables).ends == {f"{name}.user_id": Ending(what=what, when=when) for name in names}
    assert guess(tables["users"], tables).delete == ()


async def test_what_only_tells_of_credentials_and_accounts_elsewhere_stay(tmp_path: Path) -> None:
    names = (
        "webauthn_challenges", "api_key_usage", "passkey_events", "oauth_accounts", "oauth_clients", "user_identities",
        "ssh_hosts", "devices", "public_keys", "tokens", "mfa_factors", "api_logs", "passports", "access_logs",
    )  # fmt: skip
    tables = await tables_of(USERS + "".join(f"CREATE TABLE {name} {OWNED};" for name in names), tmp_path)
    settings = guess(tables["users"], tables)

    assert (settings.ends, settings.delete) == ({}, ())
    assert list(open_questions(settings, tables)) == []


@pytest.mark.parametrize(
    ("columns", "sets"),
    [
        ("revoked_at DATETIME", {"revoked_at": "{now}"}),
        ('"revokedAt" INTEGER', {"revokedAt": "{now}"}),
        ("revoked_at DATETIME NOT NULL", {}),
        ("revoked BOOLEAN NOT NULL", {"revoked": True}),
        ("is_revoked INTEGER", {"is_revoked": True}),
        ("revoked DATETIME", {"revoked": "{now}"}),
        ("disabled_at TEXT, expires_at DATETIME", {"disabled_at": "{now_iso}"}),
        ("expires_at DATETIME, last_used_at DATETIME", {}),
    ],
)
async def test_a_row_is_revoked_where_a_column_says_so_and_else_deleted(
    tmp_path: Path, columns: str, sets: dict[str, bool | int | float | str]
) -> None:
    keys = f"CREATE TABLE api_keys (id INTEGER PRIMARY KEY, user_id INTEGER, {columns});"
    tables = await tables_of(USERS + keys, tmp_path)

    assert guess(tables["users"], tables).ends["api_keys.user_id"].set == sets


@pytest.mark.parametrize(
    ("kind", "values", "where"),
    [
        ("tokenable", (), "App\\Models\\User"),
        ("tokenable", ("App\\Models\\Team", "Domain\\Users\\User"), "Domain\\Users\\User"),
        ("bearer", ("Team", "User"), "User"),
        ("bearer", (), ""),
        ("tokenable", ("App\\Models\\Team",), ""),
    ],
)
async def test_tokens_of_several_owners_end_only_if_they_are_an_accounts(
    tmp_path: Path, kind: str, values: Sequence[str], where: str
) -> None:
    rows = "".join(f"INSERT INTO api_tokens VALUES (NULL, '{value}', 1);" for value in values)  # noqa: S608
    owned = f"CREATE TABLE api_tokens (id INTEGER PRIMARY KEY, {kind}_type TEXT, {kind}_id INTEGER);"
    tables = await sampled(USERS + owned + rows, tmp_path)
    settings = guess(tables["users"], tables)

    wanted = {f"api_tokens.{kind}_id": Ending(what="api_keys", when="intrusion", where={f"{kind}_type": where})}
    assert settings.ends == (wanted if where else {})
    assert shared_credentials(tables) == ["api_tokens"]
    asked = (
        "If your app uses api_tokens to let clients in, let it end those rows after an intrusion, when it gets the"
        " webhook account.secured: Keyturn cannot tell whose they are"
    )
    assert list(open_questions(settings, tables)) == ([] if where else [asked])


def referring(rule: str = "") -> str:
    return f"CREATE TABLE key_uses (id INTEGER PRIMARY KEY, key_id INTEGER REFERENCES api_keys (id) {rule});"


@pytest.mark.parametrize(
    ("columns", "others", "ends"),
    [
        ("expires_at DATETIME", referring(), {"api_keys.user_id": {"expires_at": "{now}"}}),
        ("expires_at DATETIME", referring("ON DELETE CASCADE"), {"api_keys.user_id": {}}),
        ("name TEXT", referring("ON DELETE SET NULL"), {"api_keys.user_id": {}}),
        ("name TEXT", referring(), {}),
        (
            "name TEXT",
            "CREATE TABLE ssh_keys (user_id INTEGER, revoked BOOLEAN, key_id INTEGER REFERENCES api_keys (id));",
            {"api_keys.user_id": {}, "ssh_keys.user_id": {}},
        ),
        (
            "expires_at DATETIME",
            "CREATE TABLE ssh_keys (user_id INTEGER, revoked BOOLEAN, key_id INTEGER REFERENCES api_keys (id));",
            {"api_keys.user_id": {"expires_at": "{now}"}, "ssh_keys.user_id": {"revoked": True}},
        ),
    ],
)
async def test_no_row_is_deleted_to_which_one_refers_that_stays(
    tmp_path: Path, columns: str, others: str, ends: dict[str, dict[str, str]]
) -> None:
    keys = f"CREATE TABLE api_keys (id INTEGER PRIMARY KEY, user_id INTEGER, {columns});"
    tables = await tables_of(USERS + keys + others, tmp_path)
    settings = guess(tables["users"], tables)

    assert {entry: ending.set for entry, ending in settings.ends.items()} == ends
    asked = (
        "If your app uses api_keys to let clients in, let it end those rows after an intrusion, when it gets the"
        " webhook account.secured: Keyturn cannot delete them, because rows of other tables refer to them"
    )
    assert list(open_questions(settings, tables)) == ([] if ends else [asked])


@pytest.mark.parametrize("column", ["username", "login", "Benutzername", "nom_utilisateur"])
async def test_a_column_of_user_names_is_proposed_for_users_who_sign_in_with_them(tmp_path: Path, column: str) -> None:
    users = f'CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, "{column}" TEXT, password_hash TEXT);'
    tables = await tables_of(users, tmp_path)
    settings = guess(tables["users"], tables)

    assert settings.identifiers == (), "it is off until somebody turns it on"
    (asked,) = open_questions(settings, tables)
    assert f'identifiers = ["email", "{column}"] in [accounts.table]' in asked
    on = TableSettings(table="users", identifiers=("email", column))
    assert list(open_questions(on, tables)) == []


async def test_a_column_of_numbers_or_of_addresses_has_no_user_names(tmp_path: Path) -> None:
    users = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, login INTEGER, password_hash TEXT);"
    tables = await tables_of(users, tmp_path)
    assert list(open_questions(guess(tables["users"], tables), tables)) == []


@pytest.mark.parametrize(
    ("script", "password"),
    [(TWO_NAMES, "pass"), (OF_UNKNOWN_FORMAT, "password")],
    ids=["of two known names, the one with hashes is meant", "a known name counts more than a hash elsewhere"],
)
async def test_values_decide_between_known_names_alone(tmp_path: Path, script: str, password: str) -> None:
    tables = await sampled(script, tmp_path)

    assert (guess(tables["users"], {}).email, guess(tables["users"], {}).password) == ("email", password)
