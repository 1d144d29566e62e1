"""Which format an app's hashes have, told from a few, and what its app must do."""

import pytest

from keyturn.service.accounts.table.recognised_hashes import recognise_hashes

BCRYPT = "12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq"


@pytest.mark.parametrize(
    ("prefix", "written"),
    [
        ("$2a$", "bcrypt-2a"),
        ("$2b$", "bcrypt"),
        ("$2y$", "php"),
        ("bcrypt$$2b$", "django-bcrypt"),
        ("bcrypt$$2a$", "django-bcrypt"),
        ("{bcrypt}$2a$", "spring-bcrypt"),
        ("{bcrypt}$2b$", "spring-bcrypt"),
    ],
)
def test_bcrypt_is_written_as_the_app_does(prefix: str, written: str) -> None:
    found = recognise_hashes([prefix + BCRYPT])

    assert (found.format, found.todo) == (written, "")
    assert found.shown.startswith("bcrypt (")


@pytest.mark.parametrize(
    ("stored", "written", "whose"),
    [
        ("pbkdf2_sha256$600000$salt$aGFzaA==", "django-pbkdf2", "Django"),
        (f"bcrypt_sha256$$2b${BCRYPT}", "django-pbkdf2", "Django"),
        ("argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA", "django-pbkdf2", "Django"),
        ("scrypt$16384$salt$8$5$aGFzaA==", "django-pbkdf2", "Django"),
        ("scrypt:32768:8:1$salt$ab12", "werkzeug-scrypt", "Werkzeug"),
        ("pbkdf2:sha256:600000$salt$ab12", "werkzeug-scrypt", "Werkzeug"),
        ("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", "argon2id", "argon2"),
    ],
)
def test_a_change_writes_what_the_app_s_own_library_does(stored: str, written: str, whose: str) -> None:
    found = recognise_hashes([stored])

    assert found.settings.format == written
    assert found.shown.startswith(f"{whose} (")
    assert "salt" not in found.shown + found.todo


def test_of_django_s_only_what_its_default_does_not_read_is_to_do() -> None:
    assert recognise_hashes(["pbkdf2_sha256$1000000$salt$aGFzaA=="]).todo == ""
    assert "PBKDF2PasswordHasher" in recognise_hashes([f"bcrypt_sha256$$2b${BCRYPT}"]).todo


@pytest.mark.parametrize("stored", ["hunter2", "5f4dcc3b5aa765d61d8327deb882cf99", f"$2x${BCRYPT}", "$2b$12$short"])
def test_what_is_no_hash_that_is_known_is_said_and_not_shown(stored: str) -> None:
    found = recognise_hashes([stored])

    assert found.shown == "unknown format"
    assert found.todo.startswith("Let your app verify bcrypt")
    assert stored not in found.todo


def test_most_of_the_hashes_count() -> None:
    assert recognise_hashes([f"$2y${BCRYPT}", "hunter2", f"$2y${BCRYPT}"]).format == "php"


@pytest.mark.parametrize(("costs", "cost"), [("10 10 12", 10), ("14", 14), ("08", 0), ("17", 0), ("00", 0)])
def test_what_most_of_them_took_is_told_where_keyturn_would_write_it(costs: str, cost: int) -> None:
    assert recognise_hashes([f"$2y${one}{BCRYPT[2:]}" for one in costs.split()]).cost == cost


def test_without_rows_nothing_is_promised() -> None:
    found = recognise_hashes([])

    assert (found.format, found.shown) == ("bcrypt", "unknown format: no rows yet")
    assert "check that your app verifies bcrypt" in found.todo
