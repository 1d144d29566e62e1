"""Sections within sections: an app's tables, kinds of accounts, brands and your own catalogues."""

from pathlib import Path

import pytest
from tests.driver.pictures import PNG, SVG
from tests.functions.settings.conftest import SIGN_IN, TABLE, Faults, Read, check_fault

from keyturn.service.settings import Ending, SecretStr

KNOWN = "use one of {now}, {now_ms}, {now_iso}, {null}"


def test_a_section_within_a_section_is_read_and_has_variables(read: Read) -> None:
    settings = read(
        f"""{SIGN_IN}[accounts]
        store = "table"
        [accounts.table]
        table = "users"
        password = "pass"
        delete = ["sessions.user_id", "auth.remember_tokens.user_id"]
        [accounts.table.set]
        must_change = false
        changed_at = "{{now}}"
        code = "{{null}}"
        flags = '{{"a": 1}}'
        [accounts.table.ends]
        "passkeys.user_id" = {{ what = "passkeys", when = "intrusion" }}
        [accounts.table.ends."tokens.owner"]
        set = {{ revoked_at = "{{now}}" }}
        where = {{ type = 'App\\User', team = 7 }}
        """,
        KEYTURN_ACCOUNTS_TABLE_URL="mysql://app:hunter2@db.example/app",
        KEYTURN_ACCOUNTS_TABLE_PASSWORD="password",
    )

    table = settings.accounts.table
    assert (settings.accounts.store, table.table, table.password) == ("table", "users", "password")
    assert isinstance(table.url, SecretStr)
    assert "hunter2" not in repr(settings)
    assert table.set == {
        "must_change": False,
        "changed_at": "{now}",
        "code": "{null}",
        "flags": '{"a": 1}',
    }
    assert table.endings == {
        "sessions.user_id": Ending(what="", when="change"),
        "auth.remember_tokens.user_id": Ending(),
        "passkeys.user_id": Ending(what="passkeys", when="intrusion"),
        "tokens.owner": Ending(set={"revoked_at": "{now}"}, where={"type": "App\\User", "team": 7}),
    }


def test_slips_in_what_ends_have_their_whole_name_and_hide_no_broken_rule_of_another(
    faults: Faults,
) -> None:
    found = faults(
        f"{TABLE}accounts.table.delete = ['sessions.user_id']\n[accounts.table.ends]\n"
        f"'sessions.user_id' = {{}}\n"
        "'visits' = {}\n'a.b' = { what = 'badges', wen = 'change' }\n'c.d' = { when = 'always' }\n"
        "'e.f' = 'passkeys'\n"
        "'g.h' = { set = { at = '{soon}', no = [] }, where = { at = '{now}', who = '{me}' } }\n"
        "'i.j' = { set = { token = '{random}' } }\n"
    )

    words = "access_tokens, api_keys, oauth_grants, passkeys, sessions, ssh_keys, trusted_devices"
    for name in ('"c.d".when', '"g.h".set.no'):
        assert found.pop(f"accounts.table.ends.{name}").startswith("must be")
    assert {
        name.removeprefix("accounts.table.ends."): message for name, message in found.items()
    } == {
        '"a.b".what': f"must be one of {words}, not 'badges'",
        '"a.b".wen': "unknown setting; did you mean when?",
        '"e.f"': 'is a section: write [accounts.table.ends."e.f"]',
        '"sessions.user_id"': "is in accounts.table.delete, too: remove one of the two",
        "visits": "must be a table and its column, such as sessions.user_id, not visits",
        '"i.j".set.token': "only accounts.table.set can have {random}",
        '"g.h".set.at': f"has an unknown placeholder {{soon}}: {KNOWN}",
        '"g.h".where.who': f"has an unknown placeholder {{me}}: {KNOWN}",
        '"g.h".where.at': "no row has the present time: write a value",
    }


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("KEYTURN_ACCOUNTS_TABLE_SET", "accounts.table.set"),
        ("KEYTURN_ACCOUNTS_TABLE_ENDS", "accounts.table.ends"),
        ("KEYTURN_KINDS_SCHOOL_SETTINGS_URL", "kinds"),
    ],
)
def test_what_is_a_table_can_only_be_set_in_the_file(
    faults: Faults, name: str, setting: str
) -> None:
    assert faults(**{name: "{}"}) == {name: f"can only be set in the file, as {setting}"}


def test_top_of_the_file(faults: Faults) -> None:
    """A setting of the top of the file that stands below a section is told as that."""
    above = "belongs to the top of the file, above the first [section]"

    assert faults('[brand]\nname = "N"\nreset_url = "https://x.example/{token}"') == {
        "brand.reset_url": f"reset_url {above}"
    }


def test_a_section_unused_by_the_store_is_a_fault_also_by_a_variable_or_beside_one_of_its_own(
    faults: Faults,
) -> None:
    unused = "is set, but accounts.store is builtin"
    assert faults(KEYTURN_ACCOUNTS_TABLE_TABLE="users") == {"accounts.table": unused}
    assert faults("accounts.table.table = {a = 1}")["accounts.table"] == unused


def test_a_process_that_sends_nothing_needs_no_key_of_a_store(faults: Faults) -> None:
    for store, needed in (
        ("supabase", {"SUPABASE_URL"}),
        ("ldap", {f"accounts.ldap.{name}" for name in ("servers", "bind_dn", "base")}),
    ):
        assert set(faults(f'{SIGN_IN}accounts.store = "{store}"', sending=False)) == needed


def test_each_kind_has_its_own(read: Read) -> None:
    settings = read(
        'kinds.school.settings_url = "{base_url}/school"\n[kinds.school.brand]\nname = "${NAME}"\n'
        'logo_width = "${WIDTH}"\n[kinds."other one"]\n[kinds.viewer]\nsettings_url = '
        '"{base_url}/school"\n',
        NAME="Northwind Schools",
        WIDTH="90",
    )

    assert (
        settings.kinds["school"].settings_url
        == settings.kinds["viewer"].settings_url
        == "{base_url}/school"
    )
    assert settings.kinds["school"].brand == {"name": "Northwind Schools", "logo_width": 90}
    assert settings.kinds["other one"].brand == {}


@pytest.mark.parametrize("kind", ["school", '""', '"other one"', '"a.b"'])
def test_every_fault_in_a_kind_is_told_by_its_name_as_it_is_written(
    faults: Faults, kind: str
) -> None:
    found = faults(
        f"""
        [kinds.{kind}]
        setting_url = "{{base_url}}/x"
        settings_url = "/x"
        [kinds.{kind}.brand]
        acent = "#14614b"
        accent = "green"
        logo_width = "wide"
        name = "${{NAME}}"
        support_address = "nobody"
        [kinds.viewer]
        brand = "Northwind"
        [kinds]
        guest = "x"
        """
    )

    assert found.pop(f"kinds.{kind}.settings_url").startswith("must begin with {base_url}")
    assert found == {
        f"kinds.{kind}.setting_url": "unknown setting; did you mean settings_url?",
        f"kinds.{kind}.brand.acent": "unknown setting; did you mean accent?",
        f"kinds.{kind}.brand.accent": "must be a colour as #rrggbb, not 'green'",
        f"kinds.{kind}.brand.logo_width": "must be a whole number of at least 1, not 'wide'",
        f"kinds.{kind}.brand.name": "the variable NAME is not set",
        f"kinds.{kind}.brand.support_address": "not an email address: nobody",
        "kinds.viewer.brand": "is a section: write [kinds.viewer.brand]",
        "kinds.guest": "is a section: write [kinds.guest]",
    }


def test_files_of_a_brand_are_found_beside_keyturn_toml_and_addresses_stay_as_they_are(
    read: Read, tmp_path: Path
) -> None:
    (tmp_path / "logo.svg").write_bytes(SVG)
    (tmp_path / "mail.png").write_bytes(PNG)
    brand = read(
        '[brand]\nlogo = "logo.svg"\nlogo_dark = "https://cdn.northwind.example/dark.svg"\n'
        'mail_logo = "mail.png"\n'
        "font = '\"Source Sans 3\", Georgia, sans-serif'\nradius = 0"
    ).brand

    assert Path(brand.logo).resolve() == (tmp_path / "logo.svg").resolve()
    assert (brand.logo_dark, brand.radius) == ("https://cdn.northwind.example/dark.svg", 0)


@pytest.mark.parametrize(
    ("name", "file", "reason"),
    [
        ("brand.logo", "page.svg", "must be an SVG, PNG, JPEG, GIF or WebP image: ..."),
        ("brand.logo_dark", "nothing.png", "no such file: ..."),
        (
            "brand.mail_logo",
            "logo.svg",
            "mail programs do not show SVG images: use a PNG, JPEG or GIF",
        ),
        ("brand.mail_logo_dark", "large.png", "is larger than 200 kB: ..."),
        ("kinds.school.brand.logo", ".", "cannot be read: ..."),
    ],
)
def test_a_file_that_cannot_be_served_is_told(
    faults: Faults, tmp_path: Path, name: str, file: str, reason: str
) -> None:
    for other, content in {
        "logo.svg": SVG,
        "page.svg": b"<html><svg/></html>",
        "large.png": PNG + bytes(200_000),
    }.items():
        (tmp_path / other).write_bytes(content)

    check_fault(faults(f'{name} = "{file}"'), name, reason)


def catalogue(folder: Path, language: str, text: str) -> None:
    (folder / "locales" / language / "LC_MESSAGES").mkdir(parents=True)
    (folder / "locales" / language / "LC_MESSAGES" / "keyturn.po").write_text(text, "utf-8")


def test_one_s_own_catalogues_are_read_and_the_languages_may_be_fewer(
    read: Read, faults: Faults, tmp_path: Path
) -> None:
    catalogue(tmp_path, "ro", 'msgid "Email"\nmsgstr "E-mail"\n')
    catalogue(
        tmp_path, "nl", 'msgid "Email"\nmsgstr "E-mail"\n\n#, fuzzy\nmsgid "Show"\nmsgstr "Tonen"\n'
    )

    assert read('locales = "locales"').locales == "locales"
    assert (
        read(
            'locales = "locales"\nlanguages = ["ro", "pt-BR", "zh-TW", "de-AT", "en-GB"]'
        ).languages[0]
        == "ro"
    )
    catalogue(tmp_path, "dutch", "")
    assert faults('locales = "locales"')["locales"].startswith(
        "locales/dutch:1: dutch is not a language"
    )
    (tmp_path / "empty").mkdir()
    check_fault(faults('locales = "empty"'), "locales", "no catalogue in...")
