"""Where the accounts are, and the kinds of them: sections within sections, and what must hold between them."""

import pytest
from tests.functions.settings.reading import Faults, Read

from keyturn.service.settings import Ending, Secret

SIGN_IN = 'sign_in_url = "https://app.example.org/login"\n'
TABLE = f'{SIGN_IN}[accounts]\nstore = "table"\n[accounts.table]\ntable = "users"\n'
SUPABASE = {"SUPABASE_URL": "https://project.supabase.co", "SUPABASE_SERVICE_ROLE_KEY": "service-role-key"}

KNOWN = "use one of {now}, {now_ms}, {now_iso}, {null}"


def test_a_section_within_a_section_is_read_and_has_variables(read: Read) -> None:
    settings = read(
        f"{TABLE}password = 'pass'\n"
        "set = { must_change = false, changed_at = '{now}', code = '{null}', flags = '{\"a\": 1}' }\n"
        "delete = ['sessions.user_id', 'auth.remember_tokens.user_id']\n",
        KEYTURN_ACCOUNTS_TABLE_URL="mysql://app:hunter2@db.example/app",
        KEYTURN_ACCOUNTS_TABLE_PASSWORD="password",
        **SUPABASE,
    )

    table = settings.accounts.table
    assert (settings.accounts.store, table.table, table.password) == ("table", "users", "password")
    assert isinstance(table.url, Secret)
    assert table.set == {"must_change": False, "changed_at": "{now}", "code": "{null}", "flags": '{"a": 1}'}
    assert table.delete == ("sessions.user_id", "auth.remember_tokens.user_id")
    assert "hunter2" not in repr(settings)


def test_what_ends_has_a_short_form_and_a_long_one(read: Read) -> None:
    table = read(
        f"{TABLE}delete = ['sessions.user_id']\n[accounts.table.ends]\n"
        "'passkeys.user_id' = { what = 'passkeys', when = 'intrusion' }\n"
        "'tokens.owner' = { set = { revoked_at = '{now}' }, where = { type = 'App\\Models\\User', team = 7 } }\n"
    ).accounts.table

    assert table.endings == {
        "sessions.user_id": Ending(),
        "passkeys.user_id": Ending(what="passkeys", when="intrusion"),
        "tokens.owner": Ending(set={"revoked_at": "{now}"}, where={"type": "App\\Models\\User", "team": 7}),
    }
    assert table.endings["sessions.user_id"].when == "change"


def test_slips_in_what_ends_have_their_whole_name(faults: Faults) -> None:
    found = faults(
        f"{TABLE}delete = ['sessions.user_id']\n[accounts.table.ends]\n'sessions.user_id' = {{}}\n'visits' = {{}}\n"
        "'a.b' = { what = 'badges', wen = 'change' }\n'c.d' = { when = 'always' }\n"
        "'g.h' = { set = { at = '{soon}', no = [] } }\n'e.f' = 'passkeys'\n"
    )

    assert set(found) == {
        'accounts.table.ends."a.b".what',
        'accounts.table.ends."a.b".wen',
        'accounts.table.ends."c.d".when',
        'accounts.table.ends."e.f"',
        'accounts.table.ends."g.h".set.no',
        # A slip in one of them hides no broken rule of another.
        'accounts.table.ends."sessions.user_id"',
        "accounts.table.ends.visits",
        'accounts.table.ends."g.h".set.at',
    }
    words = "access_tokens, api_keys, oauth_grants, passkeys, sessions, ssh_keys, trusted_devices"
    assert found['accounts.table.ends."a.b".what'] == f"must be one of {words}, not 'badges'"
    assert found['accounts.table.ends."a.b".wen'] == "unknown setting; did you mean when?"
    assert found['accounts.table.ends."e.f"'] == 'is a section: write [accounts.table.ends."e.f"]'

    found = faults(
        f"{TABLE}delete = ['sessions.user_id']\n[accounts.table.ends]\n'sessions.user_id' = {{}}\n'visits' = {{}}\n"
        "'g.h' = { set = { at = '{soon}' }, where = { at = '{now}', who = '{me}' } }"
    )
    assert found == {
        'accounts.table.ends."sessions.user_id"': "is in accounts.table.delete, too: remove one of the two",
        "accounts.table.ends.visits": "must be a table and its column, such as sessions.user_id, not visits",
        'accounts.table.ends."g.h".set.at': f"has an unknown placeholder {{soon}}: {KNOWN}",
        'accounts.table.ends."g.h".where.who': f"has an unknown placeholder {{me}}: {KNOWN}",
        'accounts.table.ends."g.h".where.at': "no row has the present time: write a value",
    }


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("KEYTURN_ACCOUNTS_TABLE_SET", "accounts.table.set"),
        ("KEYTURN_ACCOUNTS_TABLE_ENDS", "accounts.table.ends"),
        ("KEYTURN_KINDS_SCHOOL_SETTINGS_URL", "kinds"),
    ],
)
def test_what_is_a_table_can_only_be_set_in_the_file(faults: Faults, name: str, setting: str) -> None:
    assert faults(**{name: "{}"}) == {name: f"can only be set in the file, as {setting}"}


@pytest.mark.parametrize("store", ["builtin", "shop.accounts:store_for", "accounts:Store"])
def test_a_store_is_one_of_ours_or_a_factory(read: Read, store: str) -> None:
    assert read(SIGN_IN, KEYTURN_ACCOUNTS_STORE=store).accounts.store == store


@pytest.mark.parametrize(
    ("store", "meant"),
    [
        ("tabel", "; did you mean table?"),
        *((store, "") for store in ("shop.accounts", "a:b:c", ":store", "shop:", "a b:c", "a:b c", "a-b:c", "a..b:c")),
        ("", ""),
    ],
)
def test_no_other_store_is_known(faults: Faults, store: str, meant: str) -> None:
    expected = {"accounts.store": f"must be builtin, table, supabase, ldap or package.module:factory{meant}"}

    assert faults(SIGN_IN, KEYTURN_ACCOUNTS_STORE=store) == expected


@pytest.mark.parametrize("store", ["builtin", "table"])
def test_a_section_that_the_store_does_not_use_is_a_fault(faults: Faults, store: str) -> None:
    found = faults(
        f'{SIGN_IN}[accounts]\nstore = "{store}"\n[accounts.table]\ntable = "users"\n[accounts.supabase]\nurl = "https://a.example"'
    )

    assert found.pop("accounts.supabase") == f"is set, but accounts.store is {store}"
    assert found == ({"accounts.table": "is set, but accounts.store is builtin"} if store == "builtin" else {})
    if store == "builtin":
        assert faults(KEYTURN_ACCOUNTS_TABLE_TABLE="users") == found, "a variable sets the section, too"
        assert faults("[accounts.table]\ntable = {a = 1}").items() > found.items(), "beside a fault of its own"


@pytest.mark.parametrize(
    ("toml", "name", "why"),
    [
        ('url = "mongodb://db.example"', "url", "must begin with sqlite://, postgresql://, mysql:// or mariadb://"),
        ('url = "users.db"', "url", "not a database address: write one such as postgresql://app@db/app"),
        ('email = ""', "email", "missing: the name of a column"),
        ('password = ""', "password", "missing: only the store supabase works without this column"),
        ('delete = ["a.b", "a..b"]', "delete", "must be a table and its column, such as sessions.user_id, not a..b"),
        ('set = { at = "{nwo}" }', "set.at", f"has an unknown placeholder {{nwo}}: {KNOWN}"),
        ('set = { at = "{now}Z" }', "set.at", "{now} must be the whole value: remove the text around it"),
    ],
)
def test_a_table_that_could_not_work_is_a_fault(faults: Faults, toml: str, name: str, why: str) -> None:
    found = faults(TABLE + toml)
    assert set(found) == {f"accounts.table.{name}"}
    assert found[f"accounts.table.{name}"].startswith(why)


@pytest.mark.parametrize("store", ["table", "supabase", "shop.accounts:store"])
def test_an_app_says_where_its_people_sign_in(faults: Faults, read: Read, store: str) -> None:
    """A page of Keyturn's beside it would be a second way in, past what the first one asks."""
    toml = f'[accounts]\nstore = "{store}"\n' + ('[accounts.table]\ntable = "users"' if store == "table" else "")
    missing = "missing: set it to your app's sign-in page, or to {base_url}/login for Keyturn's page"

    assert faults(toml, **SUPABASE) == {"sign_in_url": missing}
    for page in ("https://app.example.org/login", "{base_url}/login"):
        assert read(toml, KEYTURN_SIGN_IN_URL=page, **SUPABASE).sign_in_page == page
    assert read().sign_in_page == "{base_url}/login", "the built-in accounts sign in on Keyturn's page"


def test_a_table_must_be_named(faults: Faults, read: Read) -> None:
    assert faults(SIGN_IN, KEYTURN_ACCOUNTS_STORE="table") == {
        "accounts.table.table": "missing: accounts.store is table"
    }
    found = faults(SIGN_IN, KEYTURN_ACCOUNTS_STORE="supabase", KEYTURN_ACCOUNTS_TABLE_NAME="name", **SUPABASE)
    assert found == {"accounts.table.table": "missing: accounts.table is set"}
    by_variables = read(SIGN_IN, KEYTURN_ACCOUNTS_STORE="table", KEYTURN_ACCOUNTS_TABLE_TABLE="app.users")
    assert by_variables.accounts.table.table == "app.users"


def test_supabase_needs_both_and_calls_them_what_it_calls_them(faults: Faults, read: Read) -> None:
    both = dict.fromkeys(SUPABASE, "missing: accounts.store is supabase")

    assert faults(SIGN_IN, KEYTURN_ACCOUNTS_STORE="supabase") == both
    assert set(faults(SIGN_IN, KEYTURN_ACCOUNTS_STORE="supabase", sending=False)) == {"SUPABASE_URL"}
    assert read(SIGN_IN, KEYTURN_ACCOUNTS_STORE="supabase", **SUPABASE)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://project.supabase.co", "must be https in production: over http, an attacker on the network can read"),
        ("project.supabase.co", "must be an address like https://app.example.org, not 'project.supabase.co'"),
    ],
)
def test_the_address_of_supabase_is_one_that_may_hear_the_key(faults: Faults, read: Read, url: str, why: str) -> None:
    supabase = {**SUPABASE, "KEYTURN_ACCOUNTS_STORE": "supabase"}

    assert faults(SIGN_IN, **{**supabase, "SUPABASE_URL": url})["accounts.supabase.url"].startswith(why)
    assert read(SIGN_IN, **{**supabase, "SUPABASE_URL": "http://127.0.0.1:54321"})
