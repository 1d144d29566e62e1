"""Mistakes seeded in real templates: each is found, and where it stands in the templates, not in what they make."""

import shutil
from pathlib import Path

import msgspec
import pytest

from keyturn.mail.languages import Languages
from keyturn.mail.rendering.render import Templates
from keyturn.packaging import folder
from keyturn.service.reset.mails.email_props import EMAILS
from keyturn.service.reset.mails.palette import Palette, branding
from keyturn.service.settings import Brand
from keyturn.studio.gallery import Gallery
from keyturn.studio.lint.check import check
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.report import Report


class Seed(msgspec.Struct, frozen=True, kw_only=True):
    rule: str
    file: str
    old: str
    new: str
    at: str
    way_out: str = ""


class _Seeds(msgspec.Struct):
    mistake: list[Seed]


SEEDS = msgspec.toml.decode((Path(__file__).parent / "mistakes.toml").read_bytes(), type=_Seeds).mistake


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    """Return a folder with Keyturn's own mails and a newsletter."""
    for source in (folder("email_templates"), Path(__file__).parent / "templates"):
        shutil.copytree(source, tmp_path / "mails", dirs_exist_ok=True)
    for template in EMAILS:
        samples = tmp_path / "mails" / template / "samples.toml"
        samples.write_text(samples.read_text("utf-8").partition("\n\n[")[0], "utf-8")  # the first is enough here
    return tmp_path / "mails"


@pytest.mark.long  # test_planted_mistakes says it of smaller mails
@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.rule} {seed.at}")
def test_a_mistake_is_found_where_it_stands_and_nowhere_else(mails: Path, seed: Seed) -> None:
    _leave_out_what_does_not_use(seed.file, mails)
    changed = _plant(mails, seed)
    offset = changed.index(seed.at)
    line, column = changed.count("\n", 0, offset) + 1, offset - changed.rfind("\n", 0, offset)

    found = list(_guarded(mails).found)

    places = {(one.rule, one.place.file, one.place.line, one.place.column): one for one in found}
    assert (seed.rule, seed.file, line, column) in places, _told(found)
    assert seed.way_out in places[seed.rule, seed.file, line, column].fix
    assert {(one.place.file, one.place.line) for one in found} == {(seed.file, line)}, _told(found)


@pytest.mark.long
def test_real_templates_without_a_mistake_have_no_finding(mails: Path) -> None:
    examination = _guarded(mails)

    assert _told(list(examination.found)) == ""
    assert examination.templates == len(EMAILS) + 1


def _leave_out_what_does_not_use(file: str, mails: Path) -> None:
    """Keep mails in which a file's mistakes show: two of those that share a layout, so that each is found once."""
    own, *_ = file.split("/")
    kept = {"_news": {"school_news"}, "_layout": {"password_reset", "password_changed"}}.get(own, {own})
    for mail in mails.glob("[!_]*"):
        if mail.name not in kept:
            shutil.rmtree(mail)


def _plant(mails: Path, seed: Seed) -> str:
    text = (mails / seed.file).read_text("utf-8")
    assert seed.old in text, f"{seed.file} does not hold {seed.old}"
    changed = text.replace(seed.old, seed.new, 1)
    (mails / seed.file).write_text(changed, "utf-8")
    return changed


def _guarded(mails: Path) -> Report:
    brand = msgspec.structs.asdict(Brand(name="Northwind School"))
    languages = Languages("UTC")
    gallery = Gallery(templates=Templates(mails, branding(brand, Palette())), languages=languages, props=EMAILS)
    return check(gallery, checks=(), languages=[languages.choose("en")])


def _told(found: list[Finding]) -> str:
    return "\n".join(f"{one.place}: {one.rule}: {one.message}" for one in found)
