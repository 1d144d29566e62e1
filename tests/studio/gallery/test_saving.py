"""Samples written into files that people keep: what is theirs stays byte for byte."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from keyturn.errors import SampleNotSaved
from keyturn.mail.rendering.render import EmailProps
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.gallery.samples.files import find_samples
from keyturn.studio.gallery.samples.shapes import Schema, schema_of
from keyturn.studio.gallery.saving import SampleFiles

VALUES: dict[str, Any] = {
    "name": "Ada",
    "at": datetime(2026, 11, 20, 14, 32, tzinfo=UTC),
    "day": date(2026, 11, 20),
    "lasts": timedelta(hours=1, minutes=30),
    "opens": time(9, 30),
    "items": [{"title": "Lamp", "price": 42.5, "inside": {"bulb": True}}],
    "none_of": [],
    "said": 'A "quoted"\nline, ünd mehr',
}
READ = {**VALUES, "lasts": "PT1H30M"}
TOML = """\
# Two samples.
[ada]
name = "A"     # the name
at = 2026-01-01T00:00:00Z
gone = 1

# About Grace.
[grace]
name   =   'G'
  [grace.inside]
  bulb = true
[[grace.items]]
title = "Lamp"  # lit
[[grace.items]]
title = "Shade"

# The end."""
JSON = (
    '{\n    "ada": {\n        "name": "Ä"\n    },\n    "grace": {\n        "name": null\n    }\n}\n'
)


class Item(Struct):
    title: str
    note: str | None = None


class Props(EmailProps, frozen=True, kw_only=True):
    template = "mail"

    name: str
    note: str | None = None
    items: list[Item] = msgspec.field(default_factory=list)
    must: str | None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "mail.mjml").write_text("<mjml></mjml>")
    return tmp_path


def save(folder: Path, name: str, values: dict[str, Any], schema: Schema | None = None) -> str:
    return (
        SampleFiles(open_gallery(folder), "mail")
        .save(name, values, schema or {})
        .read_bytes()
        .decode()
    )


def written(folder: Path, text: str, ending: str) -> Path:
    file = folder / "mail" / f"samples{ending}"
    file.write_bytes(text.encode())
    return file


def read(folder: Path, name: str) -> Any:
    return find_samples(folder, "mail", "mail/mail.mjml")[name].values


@pytest.mark.parametrize(
    ("ending", "text", "expected"),
    [
        (".toml", TOML, READ),
        (".toml", TOML.replace("\n\n", "\n\n\n"), READ),
        (
            ".json",
            JSON,
            {**READ, "at": "2026-11-20T14:32:00Z", "day": "2026-11-20", "opens": "09:30:00"},
        ),
    ],
)
def test_a_new_sample_comes_last_and_all_else_stays(
    folder: Path, ending: str, text: str, expected: Any
) -> None:
    file = written(folder, text, ending)
    before = {name: read(folder, name) for name in ("ada", "grace")}
    new = save(folder, "new", VALUES)
    assert new.startswith(text if ending != ".json" else text[: -len("\n}\n")])
    assert read(folder, "new") == expected
    assert {name: read(folder, name) for name in ("ada", "grace")} == before
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []


def test_samples_that_are_saved_at_once_are_all_kept(folder: Path) -> None:
    names = [f"nr{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(lambda name: save(folder, name, VALUES), names))
    assert {name: read(folder, name) for name in names} == dict.fromkeys(names, READ)


def test_replaced_in_toml_it_keeps_its_place_and_the_comments_of_others(folder: Path) -> None:
    written(folder, TOML, ".toml")
    new = save(folder, "ada", VALUES)
    gone = [line for line in TOML.split("\n") if line not in new.split("\n")]
    assert gone == ['name = "A"     # the name', "at = 2026-01-01T00:00:00Z", "gone = 1"]
    assert new.startswith('# Two samples.\n[ada]\nname = "Ada"\nat = 2026-11-20T14:32:00Z\n')
    assert new.index("said = ") < new.index("# About Grace.")
    assert read(folder, "ada") == READ


def test_what_follows_a_replaced_table_stays_with_the_line_ends_and_rights_of_the_file(
    folder: Path,
) -> None:
    file = written(folder, (TOML + "\n[last]\n").replace("\n", "\r\n"), ".toml")
    file.chmod(0o600)
    values = {
        "name": "G",
        "inside": {"bulb": False},
        "items": [{"title": "Lamp", "n": 1}, {"title": "X"}],
    }
    saved = save(folder, "grace", values)
    assert saved.count("\n") == saved.count("\r\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    new = saved.replace("\r", "")
    assert new.endswith('title = "X"\n\n# The end.\n[last]\n')
    assert new.startswith(TOML.partition("name   =")[0])
    assert read(folder, "grace") == values


MANY_LINES = pytest.param("[ada]\n" + "\n" * 50_000 + "b = 1\n", id="read once")


@pytest.mark.parametrize(
    "table", ["[ada]", "[ada] # here\n", "[ada.b]\nc = 1\n", ' [ "ada" ]\nb = 1\n', MANY_LINES]
)
def test_a_table_may_be_written_in_any_way(folder: Path, table: str) -> None:
    written(folder, table, ".toml")
    save(folder, "ada", {"name": "Ada", "more": [1, 2]})
    assert read(folder, "ada") == {"name": "Ada", "more": [1, 2]}


def test_json_keeps_its_indent_its_letters_and_its_end(folder: Path) -> None:
    written(folder, JSON, ".json")
    assert save(folder, "grace", {"name": "Grace"}) == JSON.replace("null", '"Grace"')
    written(folder, '{"ada": {"name": "A"}}', ".json")
    assert save(folder, "ada", {"name": None}) == '{"ada": {"name": null}}'


def test_what_is_none_anyway_is_left_out(folder: Path) -> None:
    schema = schema_of({}, Props)
    values: dict[str, Any] = {
        "name": "Ada",
        "note": None,
        "items": [Item("Lamp"), Item("Shade", "old")],
        "must": "x",
    }
    assert save(folder, "one", values, schema).count("note") == 1
    typed = msgspec.convert(read(folder, "one"), Props)
    assert typed == Props(**values)


def test_none_is_told_where_toml_has_no_word_for_it_and_nothing_is_written(folder: Path) -> None:
    written(folder, TOML, ".toml")
    schema = schema_of({}, Props)
    with pytest.raises(SampleNotSaved, match="must is null, which TOML cannot express"):
        save(folder, "new", {"name": "Ada", "must": None}, schema)
    with pytest.raises(SampleNotSaved, match=r"items\[0\]\.title is null"):
        save(folder, "new", {"items": [{"title": None}]})
    assert (folder / "mail" / "samples.toml").read_text() == TOML


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[ada\n", "it cannot be read: .*line 1"),
        ("new.name = 'x'\n[grace]\n[new.b]\nc = 1\n", "its layout does not allow adding to it"),
    ],
)
def test_a_file_that_cannot_be_added_to_is_told_and_left_alone(
    folder: Path, text: str, says: str
) -> None:
    file = written(folder, text, ".toml")
    with pytest.raises(SampleNotSaved, match=says):
        save(folder, "new", {"name": "Ada"})
    assert file.read_text() == text


def test_it_never_leaves_the_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "samples.toml"
    outside.write_text(TOML)
    (folder / "mail" / "samples.toml").symlink_to(outside)
    with pytest.raises(SampleNotSaved, match="it is outside /"):
        save(folder, "ada", {"name": "Ada"})
    assert outside.read_text() == TOML


def test_a_disk_that_refuses_is_told_and_nothing_is_left_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(folder, TOML, ".toml")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)  # for root no folder is closed
    with pytest.raises(SampleNotSaved, match=r"samples\.toml was not written: Permission denied"):
        save(folder, "new", {"name": "Ada"})
    assert file.read_text() == TOML
    assert {path.name for path in file.parent.iterdir()} == {"mail.mjml", "samples.toml"}
