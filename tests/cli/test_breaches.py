"""`keyturn breaches build`: a file of leaked passwords, which a service asks."""

import asyncio
import random
from hashlib import sha1
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from keyturn.cli import keyturn
from keyturn.errors import SettingsInvalid
from keyturn.reset.passwords.breach_filter import BreachFilter
from keyturn.reset.passwords.breaches import BreachSourceFailed

pytestmark = pytest.mark.long


def digest(password: str) -> bytes:
    return sha1(password.encode(), usedforsecurity=False).digest()


def build(file: Path, *options: str) -> Result:
    return CliRunner().invoke(keyturn, ["breaches", "build", str(file), *options])


@pytest.fixture
def pwned(tmp_path: Path) -> Path:
    """Write a list as the downloader does: sorted, CRLF, with counts."""
    file = tmp_path / "pwned.txt"
    lines = sorted(f"{digest(f'leaked {number}').hex().upper()}:{number}" for number in range(1, 1001))
    file.write_bytes("\r\n".join(lines).encode())
    return file


async def test_what_is_listed_is_found_and_hardly_anything_else(tmp_path: Path, pwned: Path) -> None:
    file = tmp_path / "leaked.bloom"
    result = build(file, "--from", str(pwned))

    assert result.exit_code == 0, result.output
    assert result.output == f"Wrote {file}: 1,000 passwords, 0.0 MB; takes 1 in 1,000 other ones for leaked.\n"
    made = BreachFilter(file)
    assert made.entries == 1000
    assert all([await made.holds(digest(f"leaked {number}")) for number in range(1, 1001)])
    by_lot = random.Random(7)
    others = [await made.holds(by_lot.randbytes(20)) for _ in range(20_000)]
    assert sum(others) < 3 * 20


async def test_only_those_that_were_seen_often_are_taken(tmp_path: Path, pwned: Path) -> None:
    file = tmp_path / "leaked.bloom"
    assert "101 passwords" in build(file, "--from", str(pwned), "--min-count", "900", "--rate", "1e-6").output

    made = BreachFilter(file)
    assert await made.holds(digest("leaked 900"))
    assert not await made.holds(digest("leaked 899"))


async def test_a_list_of_ones_own_may_be_of_passwords(tmp_path: Path) -> None:
    own, file = tmp_path / "own.txt", tmp_path / "leaked.bloom"
    own.write_text("Blåbærsyltetøy i skåpet\n\n two spaces \n", "utf-8")
    assert build(file, "--from", str(own), "--plain").exit_code == 0

    made = BreachFilter(file)
    assert await made.holds(digest("Blåbærsyltetøy i skåpet"))
    assert await made.holds(digest(" two spaces "))


def test_a_file_in_use_is_replaced_in_one_go_and_read_from_then_on(tmp_path: Path, pwned: Path) -> None:
    file = tmp_path / "leaked.bloom"
    build(file, "--from", str(pwned))
    in_use = BreachFilter(file)
    pwned.write_text(digest("another").hex())
    assert build(file, "--from", str(pwned)).exit_code == 0

    assert asyncio.run(in_use.holds(digest("another")))
    assert not asyncio.run(in_use.holds(digest("leaked 1")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["leaked.bloom", "pwned.txt"]


@pytest.mark.parametrize(
    ("line", "options", "told"),
    [
        ("5baa61e4c9b93f3f0682250b6cf8331b7ee68fd", [], "line 2: must be a SHA-1 hash of 40 hex digits"),
        ("not a hash at all, and yet of forty cha", [], "line 2: must be a SHA-1"),
        ("5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8:many", [], "line 2: must be a SHA-1"),
        ("", ["--min-count", "5000"], "has no passwords with a count of at least 5000"),
        ("", ["--plain", "--min-count", "2"], "--min-count and --plain exclude each other"),
    ],
)
def test_a_list_that_is_none_is_one_sentence_and_leaves_nothing_behind(
    tmp_path: Path, line: str, options: list[str], told: str
) -> None:
    listed, file = tmp_path / "pwned.txt", tmp_path / "leaked.bloom"
    listed.write_text(f"{digest('leaked').hex()}:3\n{line}\n", "utf-8")
    result = build(file, "--from", str(listed), *options)

    assert result.exit_code == 1
    assert told in result.output
    assert "Traceback" not in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["pwned.txt"]


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path, pwned: Path) -> None:
    result = build(tmp_path / "gone" / "leaked.bloom", "--from", str(pwned))

    assert result.exit_code == 1
    assert "No such file or directory" in result.output


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 5000, None])
def test_a_file_that_is_no_filter_or_was_cut_off_is_refused(tmp_path: Path, pwned: Path, damage: bytes | None) -> None:
    file = tmp_path / "leaked.bloom"
    build(file, "--from", str(pwned))
    file.write_bytes(file.read_bytes()[:-1] if damage is None else damage)

    with pytest.raises(SettingsInvalid, match="keyturn breaches build"):
        BreachFilter(file)


@pytest.mark.parametrize("damage", [b"", b"x" * 5000, None])
def test_a_file_that_is_damaged_while_it_is_in_use_is_a_source_that_fails(
    tmp_path: Path, pwned: Path, damage: bytes | None
) -> None:
    file = tmp_path / "leaked.bloom"
    build(file, "--from", str(pwned))
    in_use = BreachFilter(file)
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)

    with pytest.raises(BreachSourceFailed):
        asyncio.run(in_use.holds(digest("leaked 1")))
