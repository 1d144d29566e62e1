"""The tables that are made of types, and docs/settings.md: every setting is there."""

import re
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import msgspec
import pytest
from tests.house import reference
from tests.house.reference import DOCS
from tests.settings.reading import Read

from keyturn.mail.providers import PROVIDERS
from keyturn.service.settings import Settings
from keyturn.service.settings.reading import environment_name, inspect_settings, setting_names

PROVIDERS_PAGE = (DOCS / "mail-providers.md").read_text("utf-8")
PAGE = f"{(DOCS / 'settings.md').read_text('utf-8')}\n{PROVIDERS_PAGE[PROVIDERS_PAGE.index('## ') :]}"


def rows(heading: str, text: str) -> list[tuple[str, list[str]]]:
    """Return the full name of each setting of a section, and the other cells of its row."""
    prefix = f"{heading[1:-1]}." if heading.startswith("[") else ""
    lines = (re.split(r"\s*(?<!\\)\|\s*", line)[1:-1] for line in text.splitlines() if line.startswith("| `"))
    return [(prefix + cells[0].strip("`"), cells[1:]) for cells in lines]


APP = {
    "BASE_URL": "https://account.example.org",
    "EMAIL_FROM": "hello@northwind.example",
    "EMAIL_PASS": "hunter2",
    "DATABASE_URL": "postgresql://app:hunter2@db/school",
}
SECTIONS = re.findall(r"(?ms)^##+ ([^*]+?)$(.*?)(?=^##|\Z)", PAGE)
ROWS = dict(row for section in SECTIONS for row in rows(*section))


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_tables_of_a_page_are_made_of_types(name: str) -> None:
    page = (DOCS / name).read_text("utf-8")

    assert reference.page_of(page) == page, "run `just reference`"


def test_every_setting_is_documented_with_its_variable() -> None:
    documented = {name: cells[1].strip("`") for name, cells in ROWS.items() if cells[1].startswith("`")}

    assert documented == {name: environment_name(name) for name in setting_names()}
    assert len(set(documented.values())) == len(documented) > 100


def test_the_table_of_mail_providers_says_what_each_needs_and_whether_it_reports() -> None:
    found = re.findall(r"(?m)^\| \[`(\w+)`\]\(#[\w-]+\) \| (.+?) \| (.+?) \|", PROVIDERS_PAGE)

    assert {name: re.findall("`(.+?)`", needs) for name, needs, _ in found} == {
        name: [*map(provider.known_as, provider.needs)] for name, provider in PROVIDERS.items()
    }
    assert {name for name, _, proven in found if proven != "there are none"} == {
        name for name, provider in PROVIDERS.items() if provider.reports
    }


def test_the_documented_defaults_are_those_that_hold(tmp_path: Path) -> None:
    file = tmp_path / "keyturn.toml"
    defaults = {name: cells[0].strip("`") for name, cells in ROWS.items() if cells[0]}
    file.write_text("\n".join(f"{name} = {default}" for name, default in defaults.items()), "utf-8")

    reading = inspect_settings(file, {}, sending=False)
    assert {fault.name for fault in reading.faults} == {
        "accounts.table",
        "accounts.ldap",
        "second_step.table",
    }  # not of these accounts
    assert reading.settings == Settings()
    for name in set(ROWS) - set(defaults):
        assert not value_of(name), f"{name} has a default"


def test_the_documented_ranges_are_those_that_hold() -> None:
    ranges = {name: range_of(kind) for name, kind in numbers(msgspec.inspect.type_info(Settings))}

    assert len(ranges) > 10
    assert [f"{name}: {words}" for name, words in ranges.items() if words not in ROWS[name][-1]] == []


@pytest.mark.parametrize("page", ["settings.md", "beside-your-app.md", "plugin.md"])
def test_what_is_shown_can_be_read(read: Read, page: str) -> None:
    shown = re.findall(r"(?s)```toml\n(.*?)```", (DOCS / page).read_text("utf-8"))

    for toml in shown:
        lines = toml.splitlines()
        alternatives = [lines] if "[" in toml else [[line] for line in lines]  # "All of these work"
        for alternative in alternatives:
            assert read("\n".join(alternative), **APP)


def numbers(
    struct: msgspec.inspect.Type, prefix: str = ""
) -> Iterator[tuple[str, msgspec.inspect.IntType | msgspec.inspect.FloatType]]:
    assert isinstance(struct, msgspec.inspect.StructType)
    for field in struct.fields:
        if isinstance(field.type, msgspec.inspect.StructType):
            yield from numbers(field.type, f"{prefix}{field.encode_name}.")
        elif isinstance(field.type, msgspec.inspect.IntType | msgspec.inspect.FloatType):
            yield f"{prefix}{field.encode_name}", field.type


def range_of(kind: msgspec.inspect.IntType | msgspec.inspect.FloatType) -> str:
    if kind.gt is not None:
        return f"more than {kind.gt}"
    return f"{kind.ge} or more" if kind.le is None else f"{kind.ge} to {kind.le}"


def value_of(name: str) -> object:
    return reduce(lambda struct, key: getattr(struct, {"from": "from_"}.get(key) or key), name.split("."), Settings())
