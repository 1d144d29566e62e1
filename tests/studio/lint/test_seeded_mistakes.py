"""Mistakes seeded in real templates: each is found, and where it stands in the templates, not in
what they make.
"""

import shutil
from pathlib import Path

import msgspec
import pytest

from keyturn.extras import folder
from keyturn.mail.languages.language import Languages
from keyturn.mail.rendering.render import Templates
from keyturn.service.reset.mails.email_props import EMAILS
from keyturn.service.reset.mails.palette import Palette, branding
from keyturn.service.settings import Brand
from keyturn.studio.gallery import Gallery
from keyturn.studio.lint.gallery_checks import check_gallery
from keyturn.studio.lint.mail_checks import CHECKS

pytestmark = pytest.mark.long  # test_planted_mistakes says it of smaller mails

HERE = Path(__file__).parent
TOGETHER = {
    "_news": {"school_news"},
    "_layout": {"password_reset", "password_changed"},
    "_parts": {"new_password", "open_day", "order_receipt"},
}
"""Mails that share a layout.

Two of those that do are enough, so that each mistake is found once.
"""


class Seed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`old` becomes `new` in `file`; the finding stands where `at` does, in `seen` if that is
    another file.
    """

    rule: str
    file: str
    old: str
    new: str
    at: str
    seen: str = ""
    way_out: str = ""


def seeds(name: str) -> list[Seed]:
    return msgspec.toml.decode((HERE / name).read_bytes(), type=dict[str, list[Seed]])["mistake"]


OF_MJML = seeds("mistakes.toml")


@pytest.mark.parametrize(
    "seed", [*OF_MJML, *seeds("html_mistakes.toml")], ids=lambda seed: f"{seed.rule} {seed.at}"
)
def test_a_mistake_is_found_where_it_stands_and_nowhere_else(tmp_path: Path, seed: Seed) -> None:
    mails, mjml = tmp_path / "mails", seed in OF_MJML
    for source in (
        (folder("email_templates"), HERE / "templates") if mjml else (HERE / "html_mails",)
    ):
        shutil.copytree(source, mails, dirs_exist_ok=True)
    own = {path.partition("/")[0] for path in (seed.file, seed.seen or seed.file)}
    own = own - {"_parts"} or own
    for other in mails.glob("[!_]*"):
        if other.name not in set[str]().union(*(TOGETHER.get(name, {name}) for name in own)):
            shutil.rmtree(other)
    for samples in mails.glob("*/samples.toml"):
        if samples.parent.name in EMAILS:
            samples.write_text(
                samples.read_text("utf-8").partition("\n\n[")[0], "utf-8"
            )  # the first is enough here
    text = (mails / seed.file).read_text("utf-8")
    assert seed.old in text, f"{seed.file} does not hold {seed.old}"
    (mails / seed.file).write_text(text.replace(seed.old, seed.new, 1), "utf-8")

    brand = branding(msgspec.structs.asdict(Brand(name="Northwind School")), Palette())
    gallery = Gallery(
        templates=Templates(mails, brand), languages=(languages := Languages("UTC")), props=EMAILS
    )
    found = check_gallery(gallery, () if mjml else CHECKS, [languages.choose("en")]).found

    file = seed.seen or seed.file
    changed = (mails / file).read_text("utf-8")
    offset = changed.index(seed.at)
    line, column = changed.count("\n", 0, offset) + 1, offset - changed.rfind("\n", 0, offset)
    told = "\n".join(f"{one.place}: {one.rule}: {one.message}" for one in found)
    places = {(one.rule, one.place.file, one.place.line, one.place.column): one for one in found}
    assert (seed.rule, file, line, column) in places, told
    assert seed.way_out in places[seed.rule, file, line, column].fix
    if mjml:
        assert {(one.place.file, one.place.line) for one in found} == {(file, line)}, told
