"""What may be in the columns of an app's table, and how a change writes the time into them."""

import re

import bcrypt
import msgspec
import pytest
from tests.contracts.accounts.table.conftest import (
    HASH,
    NEW,
    ROW,
    USERS,
    Over,
    changes,
    doubts_of,
    faults,
    hashed,
    one,
)
from tests.driver.app_database import App

from keyturn.service.accounts.port import Account, NewPassword
from keyturn.service.settings.placeholders import TIMES

NO_IDS = (
    "",
    "nobody",
    "0",
    "-5",
    "1e3",
    " 7",
    "7 ",
    "07",
    "+7",
    "9" * 30,
    "a\0b",
    "\ud800",
    "7b",
    "\u0667",
    "0x7",
)
UUID_ = "8b1c7a52-3c55-4d6e-9a0f-2d7c3f6b1e90"
HEX = UUID_.replace("-", "")


@pytest.mark.parametrize(
    ("databases", "declared", "stored", "text"),
    [
        ("sqlite", "INTEGER PRIMARY KEY", "7", "7"),
        ("sqlite", "UUID PRIMARY KEY", f"'{UUID_}'", UUID_),
        ("sqlite", "DATETIME PRIMARY KEY", "'yes'", "yes"),
        ("sqlite", "BLOB PRIMARY KEY", f"x'{HEX}'", HEX),
        ("sqlite", "BINARY(16) PRIMARY KEY", f"'{HEX}'", HEX),
        ("sqlite", "PRIMARY KEY", "'u_7'", "u_7"),
        ("postgresql", "bigint UNIQUE", "9000000000", "9000000000"),
        ("postgresql", "uuid PRIMARY KEY", f"'{UUID_}'", UUID_),
        ("postgresql", "numeric PRIMARY KEY", "1000", "1000"),
        ("postgresql", "numeric(9, 2) PRIMARY KEY", "7", "7.00"),
        ("postgresql", "text PRIMARY KEY", "'u_7'", "u_7"),
        ("postgresql", "bytea PRIMARY KEY", f"'\\x{HEX}'", HEX),
        ("mariadb", "SMALLINT UNSIGNED PRIMARY KEY", "65535", "65535"),
        ("mariadb", "DECIMAL(30) PRIMARY KEY", "900000000000000000007", "900000000000000000007"),
        ("mariadb", "VARCHAR(30) PRIMARY KEY", "'cm4abc'", "cm4abc"),
        ("mariadb", "BINARY(16) PRIMARY KEY", f"x'{HEX}'", HEX),
        ("mariadb", "UUID PRIMARY KEY", f"'{UUID_}'", UUID_),
    ],
    indirect=["databases"],
)
@pytest.mark.long
async def test_an_id_is_whatever_the_app_made_it(
    app: App, over: Over, declared: str, stored: str, text: str
) -> None:
    await app.run(
        f"CREATE TABLE users (id {declared}, email VARCHAR(200), password_hash VARCHAR(80))"
    )
    await app.run(f"INSERT INTO users VALUES ({stored}, 'ada@northwind.test', 'x')")
    accounts = over()
    await accounts.require_ready()

    ada = await one(accounts, "ada@northwind.test")
    assert ada.id == text
    assert await accounts.get(text) == ada
    for other in (*NO_IDS, text.upper() if text.upper() != text else "nobody"):
        if other != text:
            assert await accounts.get(other) is None, other
            assert not await accounts.set_password(
                msgspec.structs.replace(ada, id=other), NewPassword("no", hashed)
            )
            assert await accounts.password_hash(other) is None
    assert await accounts.set_password(ada, NEW)
    assert await accounts.password_hash(text) == "$2b$new"


FLAGS = {
    "sqlite": [
        (
            "BOOLEAN",
            ["1", "true", "'t'", "'yes'"],
            ["0", "false", "'false'", "'F'", "'no'", "' '", "NULL"],
        ),
        ("DATETIME", ["'2026-11-20 08:00:00'", "1763625600000"], ["NULL", "''", "0"]),
    ],
    "postgresql": [
        ("boolean", ["true"], ["false", "NULL"]),
        ("timestamptz", ["now()"], ["NULL"]),
        ("smallint", ["1", "-1"], ["0", "NULL"]),
        ("varchar(20)", ["'on'", "'2026-11-20'"], ["'off'", "''", "'N'"]),
    ],
    "mysql": [
        ("BIT(1)", ["1"], ["0", "NULL"]),
        ("TINYINT(1)", ["1", "2"], ["0", "NULL"]),
        ("DATETIME", ["now()"], ["NULL", "'0000-00-00 00:00:00'"]),
        ("ENUM('Yes','No')", ["'Yes'"], ["'No'", "NULL"]),
    ],
}


@pytest.mark.long
async def test_a_flag_is_whatever_the_app_made_it(app: App, over: Over) -> None:
    for declared, true, false in FLAGS[app.dialect]:
        await app.run("DROP TABLE IF EXISTS users")
        await app.run(USERS.replace("name TEXT", f"f {declared}"))
        values = [*true, *false]
        for number, value in enumerate(values, 1):
            row = f"({number}, '{number}@northwind.test', 'x', {value})"
            # In its strict mode MariaDB would take no zero for a date; many an app has such rows.
            mode = "SET sql_mode = ''; " if app.dialect == "mysql" else ""
            await app.run(f"{mode}INSERT INTO users VALUES {row}")
        expected = [value in true for value in values]
        for column, turned in (("f", False), ("not f", True)):
            accounts = over(active=column)
            found = [await accounts.get(str(number)) for number in range(1, len(values) + 1)]
            active = [account is not None and account.active for account in found]
            assert active == [flag != turned for flag in expected], (declared, column)
            # The statement that changes a password decides in the same way as the look-up before
            # it.
            allowed = [
                msgspec.structs.replace(account, active=True) for account in found if account
            ]
            assert [await accounts.set_password(account, NEW) for account in allowed] == active


STATUSES = {
    "sqlite": "TEXT",
    "postgresql": "mood",
    "mysql": "ENUM('Active', 'invited', 'suspended', 'disabled') CHARACTER SET latin1",
}


async def test_a_status_says_by_its_values_who_is_active(app: App, over: Over) -> None:
    if app.dialect == "postgresql":
        await app.run("CREATE TYPE mood AS ENUM ('Active', 'invited', 'suspended', 'disabled')")
    await app.run(USERS.replace("name TEXT", f"status {STATUSES[app.dialect]}"))
    for number, status in enumerate(("Active", "invited", "suspended", None), 1):
        email = f"{number}@northwind.test"
        await app.run(
            "INSERT INTO users VALUES (:id, :email, 'x', :status)",
            id=number,
            email=email,
            status=status,
        )
    for given, active in (
        ("status = active", [True, False, False, False]),
        ("status=active | INVITED", [True, True, False, False]),
        ("not status = suspended|disabled", [True, True, False, True]),
    ):
        accounts = over(active=given)
        await accounts.require_ready()
        found = [account for number in range(1, 5) if (account := await accounts.get(str(number)))]
        assert [account.active for account in found] == active, given
        assert [await accounts.set_password(account, NEW) for account in found] == active


async def test_every_condition_of_active_holds(app: App, over: Over) -> None:
    """An account is active if it meets every condition of `active`, for the look-up and for the
    change alike.
    """
    await app.run(USERS.replace("name TEXT", "deleted_at DATE, banned_at DATE, state VARCHAR(9)"))
    for number, values in enumerate(
        (
            "NULL, NULL, 'on'",
            "'2026-11-20', NULL, 'on'",
            "NULL, '2026-11-20', 'on'",
            "NULL, NULL, 'new'",
        ),
        1,
    ):
        row = f"({number}, '{number}@northwind.test', 'x', {values})"
        await app.run(f"INSERT INTO users VALUES {row}")
    accounts = over(active=("not deleted_at", "not banned_at", "state = on | paid"))
    await accounts.require_ready()
    found = [account for number in range(1, 5) if (account := await accounts.get(str(number)))]

    assert [account.active for account in found] == [True, False, False, False]
    assert [await accounts.set_password(account, NEW) for account in found] == [
        True,
        False,
        False,
        False,
    ]


async def test_wrong_condition_of_active(app: App, over: Over) -> None:
    """The start names the condition of `active` whose column is missing."""
    await app.run(USERS.replace("name TEXT", "deleted_at DATE"))

    fault = "active: the table users has no column bannd_at"
    assert await faults(over(active=("not deleted_at", "not bannd_at"))) == [fault]


async def test_a_status_without_its_values_is_doubted(app: App, over: Over) -> None:
    await app.run(
        "CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(99), password_hash CHAR(60), f "
        "VARCHAR(20))"
    )
    await app.run(
        "INSERT INTO users VALUES (1, 'ada@c.de', :hash, 'T'), (2, 'bo@c.de', '', ''), (3, '', "
        "'', NULL)",
        hash=HASH,
    )
    accounts = over(active="f")
    assert await doubts_of(accounts) == []
    await app.run(
        "INSERT INTO users VALUES (4, 'd@c.de', '', ' Suspended '), (5, 'mike@c.de', '', 'on')"
    )

    unread = (
        "accounts.table.active: the column f contains 'Suspended', which Keyturn takes for active"
    )
    assert await doubts_of(accounts) == [unread]
    assert await doubts_of(over(active="not f")) == []


async def test_names_and_the_like_are_texts_and_null_is_none_of_them(app: App, over: Over) -> None:
    await app.run(
        "CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(99), password_hash CHAR(80), name "
        "VARCHAR(99),"
        " auth VARCHAR(20), role INT, locale CHAR(10)); "
        "INSERT INTO users VALUES (1, 'ada@northwind.test', 'x', 'Ada', NULL, 3, 'de'),"
        " (2, 'bea@northwind.test', '', NULL, 'Credentials', NULL, NULL),"
        " (3, 'cleo@northwind.test', 'x', '', 'google', 3, ''), (4, 'd@c.de', NULL, '', "
        "'azure-ad', 3, ''),"
        " (5, 'eve@c.de', NULL, '', 'git_lab', 3, ''), (6, 'fay@c.de', NULL, '', 'school_portal', "
        "3, '')"
    )
    accounts = over(name="name", provider="auth", kind="role", locale="locale")

    ada, bea, *others = [
        account for number in range(1, 7) if (account := await accounts.get(str(number)))
    ]
    assert ada == Account(id="1", email="ada@northwind.test", name="Ada", kind="3", locale="de")
    assert bea == Account(
        id="2", email="bea@northwind.test", has_password=False, awaits_password=True
    )
    assert [one.provider for one in others] == ["Google", "Microsoft", "GitLab", "School Portal"]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_without_a_password_column_people_are_looked_up_and_a_change_is_noted(
    app: App, over: Over
) -> None:
    await app.run(
        "CREATE TABLE users (id UUID PRIMARY KEY, email TEXT, must_change INT); CREATE TABLE "
        "sessions (user_id UUID)"
    )
    await app.run("INSERT INTO users VALUES (:id, 'ada@northwind.test', 1)", id=UUID_)
    await app.run("INSERT INTO sessions VALUES (:id)", id=UUID_)
    noting, ending = (
        over(password="", set={"must_change": False}),
        over(password="", delete=("sessions.user_id",)),
    )
    await noting.require_ready()
    ada = Account(id=UUID_, email="ada@northwind.test")

    assert await noting.find("ada@northwind.test") == ada
    for accounts in (noting, ending):
        assert not await accounts.note_change(msgspec.structs.replace(ada, email="ada@moved.test"))
        assert not await accounts.note_change(msgspec.structs.replace(ada, id="nobody"))
        assert [row.must_change for row in await app.run("SELECT * FROM users, sessions")] == [
            int(accounts is noting)
        ]
        assert await accounts.note_change(ada)
    assert await app.run("SELECT * FROM sessions") == []


PADDED = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash CHAR(80), "
    "auth VARCHAR(20))"
)
HAS, AWAITS, NONE = (True, False), (False, True), (False, False)
PASSWORDS = [
    *(("x", word, HAS) for word in (None, "", "Email", "email ", "EMAIL", "local")),
    *((stored, word, AWAITS) for stored, word in ((None, None), ("", " Email "))),
    *((stored, "google", NONE) for stored in (None, "x")),
    *(
        (stored, "", NONE)
        for stored in ("!", "!kR3bQ9x0", "!!", "*", "*LK*", "!$2b$04$switched off")
    ),
]
"""What is stored as the hash and the provider, and whether the account has a password, or awaits
its first.
"""


async def test_who_has_a_password_or_awaits_one_is_told_and_changed_alike(
    app: App, over: Over
) -> None:
    await app.run(f"{PADDED}; CREATE TABLE sessions (user_id INTEGER)")
    for number, (stored, word, _) in enumerate(PASSWORDS):
        row = {"id": number, "email": f"{number}@northwind.test", "hash": stored, "auth": word}
        await app.run("INSERT INTO users VALUES (:id, :email, :hash, :auth)", **row)
        await app.run("INSERT INTO sessions VALUES (:id)", id=number)
    accounts = over(provider="auth", delete=("sessions.user_id",))
    people = [
        account for number in range(len(PASSWORDS)) if (account := await accounts.get(str(number)))
    ]

    assert [(one.has_password, one.awaits_password) for one in people] == [
        told for *_, told in PASSWORDS
    ]
    assert all(one.active for one in people)
    assert sorted(await accounts.awaiting_password()) == [
        one.email for one in people if one.awaits_password
    ]
    for person in people:
        assert (await accounts.password_hash(person.id) is not None) is person.has_password
        assert person.takes_password is (person.has_password or person.awaits_password)
        assert await accounts.set_password(person, NEW) is person.takes_password
    rows = await app.run("SELECT password_hash FROM users ORDER BY id")
    stored_now = [row.password_hash and row.password_hash.strip() for row in rows]
    assert stored_now == ["$2b$new" if any(told) else stored for stored, _, told in PASSWORDS]
    left = [row.user_id for row in await app.run("SELECT * FROM sessions ORDER BY user_id")]
    assert left == [number for number, (*_, told) in enumerate(PASSWORDS) if not any(told)]
    without = over(password="")
    assert not (await one(without, "6@northwind.test")).awaits_password


async def test_who_signs_in_elsewhere_by_now_or_is_on_leave_is_not_asked_for_a_password(
    app: App, over: Over
) -> None:
    await app.run(PADDED.replace("auth", "on_leave INTEGER DEFAULT 0, auth"))
    await app.run(
        "INSERT INTO users (id, email) VALUES (1, 'ada@northwind.test'), (2, 'bea@northwind.test')"
    )
    accounts = over(provider="auth", active="not on_leave")
    ada = await one(accounts)
    await app.run(
        "UPDATE users SET auth = 'google' WHERE id = 1; UPDATE users SET on_leave = 1 WHERE id = 2"
    )

    assert not await accounts.set_password(ada, NEW)
    assert await accounts.awaiting_password() == []


TEXT, UUID4, BYTES = "[A-Za-z0-9_-]{43}", "[0-9a-f]{8}-[0-9a-f]{4}-4.*", "(?s).{32}"
RANDOM = [
    ("sqlite", "TEXT", TEXT),
    ("sqlite", "BLOB", BYTES),
    ("sqlite", "UUID", TEXT),
    ("postgresql", "text", TEXT),
    ("postgresql", "varchar(22)", ".{22}"),
    ("postgresql", "uuid", UUID4),
    ("postgresql", "bytea", BYTES),
    ("mariadb", "CHAR(64)", TEXT),
    ("mariadb", "VARCHAR(30)", ".{30}"),
    ("mariadb", "BINARY(16)", "(?s).{16}"),
    ("mariadb", "BLOB", BYTES),
    ("mariadb", "UUID", UUID4),
]
"""What `{random}` writes into columns of each type: text, or bytes read as Latin-1."""


async def token_of_ada(app: App) -> str:
    (row,) = await app.run("SELECT token FROM users WHERE id = 1")
    return row.token.decode("latin-1") if isinstance(row.token, bytes) else str(row.token)


@pytest.mark.parametrize(("databases", "declared", "shape"), RANDOM, indirect=["databases"])
async def test_random_value_of_each_type(app: App, over: Over, declared: str, shape: str) -> None:
    """`{random}` fills a column with other random text, bytes or UUID at each change, as long as it
    has room.
    """
    await app.run(f"{USERS.replace('name TEXT', f'token {declared}')}; {ROW}")
    accounts = over(set={"token": "{random}"})
    await accounts.require_ready()
    await changes(accounts)
    first = await token_of_ada(app)
    await changes(accounts)
    second = await token_of_ada(app)

    assert re.fullmatch(shape, first)
    assert re.fullmatch(shape, second)
    assert first != second


@pytest.mark.parametrize(
    ("databases", "declared"),
    [
        ("postgresql", "varchar(21)"),
        ("postgresql", "integer"),
        ("postgresql", "timestamptz"),
        ("mariadb", "VARBINARY(15)"),
        ("mariadb", "ENUM('a', 'b')"),
    ],
    indirect=["databases"],
)
async def test_random_value_without_room(app: App, over: Over, declared: str) -> None:
    """The start refuses `{random}` for a column that has no room for 128 random bits."""
    await app.run(USERS.replace("name TEXT", f"token {declared}"))
    (fault,) = await faults(over(set={"token": "{random}"}))

    assert fault.startswith("set.token: '{random}' does not fit a column of type ")


@pytest.mark.parametrize("method", ["end_sessions", "end_intrusion"])
async def test_random_value_ends_sessions(app: App, over: Over, method: str) -> None:
    """Where sessions end without a new password, the account's `{random}` changes, and no other
    account's.
    """
    await app.run(f"{USERS.replace('name TEXT', 'token VARCHAR(99)')}; {ROW}")
    await app.run(
        "INSERT INTO users VALUES (2, 'bea@northwind.test', 'x', 'hers'); UPDATE users SET token "
        "= 'old'"
    )
    await getattr(over(set={"token": "{random}"}), method)("1")
    rows = await app.run("SELECT token FROM users ORDER BY id")

    assert [row.token == "old" for row in rows] == [False, True]


KINDS = {
    "sqlite": ("DATETIME", "INTEGER", "TEXT"),
    "postgresql": ("timestamptz", "bigint", "text"),
    "mysql": ("TIMESTAMP NULL", "BIGINT", "VARCHAR(40)"),
}
SECONDS, MILLISECONDS, SQL, ISO = r"\d{10}", r"\d{13}", r"\S{10} [\d:.]{15}", r"\S{10}T[\d:.]{12}Z"
NATIVE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d.*"
WRITTEN: dict[tuple[str, str], tuple[str, str, str]] = {
    ("sqlite", "{now}"): (SQL, SECONDS, SQL),
    ("sqlite", "{now_ms}"): (MILLISECONDS, MILLISECONDS, ""),
    ("sqlite", "{now_iso}"): (ISO, "", ISO),
    ("server", "{now}"): (NATIVE, SECONDS, SQL),
    ("server", "{now_ms}"): (NATIVE, MILLISECONDS, ""),
    ("server", "{now_iso}"): (NATIVE, "", ISO),
}
"""What each placeholder writes into columns of times, numbers and texts; "" where it does not
fit.
"""


async def make_users(app: App, kind: str, *values: str) -> None:
    await app.run(USERS.replace("name TEXT", f"changed_at {kind}"))
    for number, value in enumerate(values or ("NULL",), 1):
        email = "ada@northwind.test" if number == 1 else f"b{number}@northwind.test"
        row = f"({number}, '{email}', '{HASH}', {value})"
        await app.run(f"INSERT INTO users (id, email, password_hash, changed_at) VALUES {row}")


@pytest.mark.parametrize("given", TIMES)
@pytest.mark.parametrize("place", range(3), ids=["times", "numbers", "texts"])
async def test_a_placeholder_writes_its_form_or_is_refused(
    app: App, over: Over, given: str, place: int
) -> None:
    await make_users(app, KINDS[app.dialect][place])
    shape = WRITTEN["sqlite" if app.dialect == "sqlite" else "server", given][place]
    accounts = over(set={"changed_at": given})
    if not shape:
        (fault,) = await faults(accounts)
        assert fault.startswith(f"set.changed_at: '{given}' does not fit a column of type")
        return
    await accounts.require_ready()
    assert await changes(accounts)
    (row,) = await app.run("SELECT changed_at FROM users")

    assert re.fullmatch(shape, str(row.changed_at)), row.changed_at


@pytest.mark.parametrize(
    ("databases", "kind", "values", "given", "message"),
    [
        (
            "sqlite",
            "DATETIME",
            ("1763628402000",),
            "{now}",
            "the column has milliseconds since 1970",
        ),
        (
            "sqlite",
            "DATETIME",
            ("'2026-01-02T03:04:05.123+00:00'",),
            "{now}",
            "texts such as 2026-11-20T08:46:42Z",
        ),
        (
            "sqlite",
            "TEXT",
            ("'2026-01-02'", "'soon'"),
            "{now_iso}",
            "the column has days such as 2026-11-20",
        ),
        (
            "postgresql",
            "bigint",
            ("1763628402000", "1763628402001", "7"),
            "{now}",
            "milliseconds since 1970",
        ),
        ("mariadb", "BIGINT", ("1763628402",), "{now_ms}", "the column has seconds since 1970"),
        ("sqlite", "DATETIME", ("'2026-01-02 03:04:05'", "NULL"), "{now}", ""),
        ("sqlite", "TEXT", ("'2026-01-02T03:04:05-05:00'",), "{now_iso}", ""),
        ("sqlite", "TEXT", ("'soon'", "''"), "{now_iso}", ""),
        ("postgresql", "timestamptz", ("now()",), "{now_ms}", ""),
        ("mariadb", "BIGINT", ("1763628402000", "0"), "{now_ms}", ""),
    ],
    indirect=["databases"],
)
async def test_a_column_with_times_of_another_form_is_doubted(
    app: App, over: Over, kind: str, values: tuple[str, ...], given: str, message: str
) -> None:
    await make_users(app, kind, *values)
    doubts = await doubts_of(over(set={"changed_at": given}))

    assert len(doubts) == bool(message)
    for doubt in doubts:
        assert doubt.startswith(f"accounts.table.set.changed_at: {given} writes ")
        assert doubt.endswith(message)


async def test_emptied_salt(app: App, over: Over) -> None:
    """An app that hashes salt and password joined verifies a new password whose salt each change
    empties.
    """
    await app.run(USERS.replace("name TEXT", "salt VARCHAR(40) NOT NULL"))
    await app.run("INSERT INTO users VALUES (1, 'ada@northwind.test', 'old', '7f3a')")
    accounts = over(set={"salt": ""})
    await accounts.require_ready()
    assert await accounts.set_password(
        await one(accounts), NewPassword("seven quiet harbours", bcrypt_hashed)
    )

    (row,) = await app.run("SELECT salt, password_hash FROM users")
    assert bcrypt.checkpw(f"{row.salt}seven quiet harbours".encode(), row.password_hash.encode())


async def bcrypt_hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


BYTES_OF = {
    "sqlite": ["BLOB"],
    "postgresql": ["bytea"],
    "mysql": ["VARBINARY(128)", "BINARY(80)", "BLOB"],
}


async def test_hash_in_a_column_of_bytes(app: App, over: Over) -> None:
    """A hash in a column of bytes is read, recognised and written as the bytes of its text."""
    for declared in BYTES_OF[app.dialect]:
        await app.run("DROP TABLE IF EXISTS users")
        await app.run(USERS.replace("VARCHAR(60)", declared))
        await app.run("INSERT INTO users (id, email) VALUES (3, '3@northwind.test')")
        for number, stored in enumerate((HASH, "!disabled"), 1):
            text = stored.encode().hex()
            literal = f"decode('{text}', 'hex')" if app.dialect == "postgresql" else f"x'{text}'"
            row = f"({number}, '{number}@northwind.test', {literal}, '')"
            await app.run(f"INSERT INTO users VALUES {row}")
        accounts = over()
        await accounts.require_ready()
        people = [await one(accounts, f"{number}@northwind.test") for number in (1, 2, 3)]

        assert [account.has_password for account in people] == [True, False, False]
        assert [account.awaits_password for account in people] == [False, False, True]
        assert await accounts.password_hash("1") == HASH
        assert [await accounts.set_password(account, NEW) for account in people] == [
            True,
            False,
            True,
        ]
        assert await accounts.password_hash("1") == await accounts.password_hash("3") == "$2b$new"
        await accounts.close()
