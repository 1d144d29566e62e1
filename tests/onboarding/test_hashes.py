"""Which format an app's hashes have, told from a few, and what its app must do."""

import pytest

from keyturn.onboarding.hashes import recognise_hashes

BCRYPT = "12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq"


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$", "bcrypt$$2b$"])
def test_bcrypt_is_written_as_the_app_does(prefix: str) -> None:
    found = recognise_hashes([prefix + BCRYPT])

    assert (found.prefix, found.shown, found.todo) == (prefix, f"bcrypt ({prefix})", "")


@pytest.mark.parametrize(
    ("stored", "prefix", "whose"),
    [
        ("pbkdf2_sha256$600000$salt$aGFzaA==", "bcrypt$$2b$", "Django"),
        (f"bcrypt_sha256$$2b${BCRYPT}", "bcrypt$$2b$", "Django"),
        ("argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA", "bcrypt$$2b$", "Django"),
        ("scrypt$16384$salt$8$5$aGFzaA==", "bcrypt$$2b$", "Django"),
        ("scrypt:32768:8:1$salt$ab12", "$2b$", "Werkzeug"),
        ("pbkdf2:sha256:600000$salt$ab12", "$2b$", "Werkzeug"),
        ("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", "$2b$", "argon2"),
    ],
)
def test_other_formats_are_upgraded_and_the_app_must_read_bcrypt(stored: str, prefix: str, whose: str) -> None:
    found = recognise_hashes([stored])

    assert found.prefix == prefix
    assert found.shown == f"{whose}'s; a change writes bcrypt"
    assert "bcrypt" in found.todo.lower()
    assert "salt" not in found.shown + found.todo


@pytest.mark.parametrize("stored", ["hunter2", "5f4dcc3b5aa765d61d8327deb882cf99", f"$2x${BCRYPT}", "$2b$12$short"])
def test_what_is_no_hash_that_is_known_is_said_and_not_shown(stored: str) -> None:
    found = recognise_hashes([stored])

    assert found.shown == "no format that is known"
    assert found.todo.startswith("Let your app verify bcrypt")
    assert stored not in found.todo


def test_most_of_the_hashes_count() -> None:
    assert recognise_hashes([f"$2y${BCRYPT}", "hunter2", f"$2y${BCRYPT}"]).prefix == "$2y$"


@pytest.mark.parametrize(("costs", "cost"), [("10 10 12", 10), ("14", 14), ("08", 0), ("17", 0)])
def test_what_most_of_them_took_is_told_where_keyturn_would_write_it(costs: str, cost: int) -> None:
    assert recognise_hashes([f"$2y${one}{BCRYPT[2:]}" for one in costs.split()]).cost == cost


def test_without_rows_nothing_is_promised() -> None:
    found = recognise_hashes([])

    assert (found.prefix, found.shown) == ("$2b$", "no rows to tell a format by")
    assert "see that your app verifies bcrypt" in found.todo
