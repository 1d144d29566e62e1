"""Which format an app's hashes have, told from a few, and what its app must do."""

import pytest

from keyturn.service.accounts.table.recognised_hashes import recognise_hashes

BCRYPT = "12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq"


@pytest.mark.parametrize(
    ("stored", "written", "whose", "todo"),
    [
        (f"$2a${BCRYPT}", "bcrypt-2a", "bcrypt", ""),
        (f"$2b${BCRYPT}", "bcrypt", "bcrypt", ""),
        (f"$2y${BCRYPT}", "php", "bcrypt", ""),
        (f"bcrypt$$2b${BCRYPT}", "django-bcrypt", "bcrypt", ""),
        (f"{{bcrypt}}$2a${BCRYPT}", "spring-bcrypt", "bcrypt", ""),
        ("pbkdf2_sha256$1000000$salt$aGFzaA==", "django-pbkdf2", "Django", ""),
        (f"bcrypt_sha256$$2b${BCRYPT}", "django-pbkdf2", "Django", "PBKDF2PasswordHasher"),
        (
            "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA",
            "django-pbkdf2",
            "Django",
            "PBKDF2PasswordHasher",
        ),
        ("scrypt$16384$salt$8$5$aGFzaA==", "django-pbkdf2", "Django", "PBKDF2PasswordHasher"),
        ("scrypt:32768:8:1$salt$ab12", "werkzeug-scrypt", "Werkzeug", ""),
        ("pbkdf2:sha256:600000$salt$ab12", "werkzeug-scrypt", "Werkzeug", ""),
        ("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", "argon2id", "argon2", ""),
    ],
)
def test_a_change_writes_what_the_app_s_own_library_does(
    stored: str, written: str, whose: str, todo: str
) -> None:
    found = recognise_hashes([stored, "hunter2", stored])

    assert found.settings.format == found.format == written
    assert found.shown.startswith(f"{whose} (")
    assert todo in found.todo
    assert bool(todo) == bool(found.todo)
    assert "salt" not in found.shown + found.todo


@pytest.mark.parametrize(
    "stored", ["hunter2", "5f4dcc3b5aa765d61d8327deb882cf99", f"$2x${BCRYPT}", "$2b$12$short"]
)
def test_what_is_no_hash_that_is_known_is_said_and_not_shown(stored: str) -> None:
    found, none = recognise_hashes([stored]), recognise_hashes([])

    assert found.shown == "unknown format"
    assert found.is_foreign
    assert found.todo == ""
    assert (none.format, none.shown) == ("bcrypt", "unknown format: no rows yet")
    assert "check that your app verifies bcrypt" in none.todo


@pytest.mark.parametrize(
    ("costs", "cost"), [("10 10 12", 10), ("14", 14), ("08", 0), ("17", 0), ("00", 0)]
)
def test_what_most_of_them_took_is_told_where_keyturn_would_write_it(costs: str, cost: int) -> None:
    assert recognise_hashes([f"$2y${one}{BCRYPT[2:]}" for one in costs.split()]).cost == cost
