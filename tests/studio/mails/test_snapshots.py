"""Each mail reads as it was accepted: main samples in HTML, all samples and some languages as plain
text.

If you changed a template on purpose, write them with `pytest tests/studio/mails --accept-mails` and
review the difference. The languages cover every direction, and scripts with and without spaces.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.studio.samples import branded, read_samples, with_hostile

from keyturn.mail.languages.language import Languages
from keyturn.mail.rendering.compiling import Rendered
from keyturn.mail.rendering.render import Templates
from keyturn.service.reset.mails.email_props import EMAILS
from keyturn.studio.gallery import Gallery
from keyturn.studio.snapshots import MailName, SnapshotFolder, Snapshots
from keyturn.testing import MailSnapshot

HERE = Path(__file__).parent
STORED = SnapshotFolder(HERE / "snapshots")
TEXTS = HERE / "texts"
LANGUAGES = Languages("UTC")
TAGS = ["ar", "de", "es", "fr", "ja"]
SAMPLES = {name: read_samples(kind) for name, kind in EMAILS.items()}
MAIN = [
    *(MailName(name, next(iter(samples))) for name, samples in SAMPLES.items()),
    MailName("password_reset", "viewer", "ar"),
]
FILES = [
    f"{name}{language}.txt" for name in EMAILS for language in ("", *(f".{tag}" for tag in TAGS))
]


@pytest.mark.parametrize("name", MAIN, ids=str)
def test_a_main_sample_renders_as_it_was_accepted(
    name: MailName, pytestconfig: pytest.Config
) -> None:
    snapshots = Snapshots(
        Gallery(templates=branded(), languages=LANGUAGES, props=EMAILS), STORED, ["en", "ar"]
    )
    MailSnapshot(
        snapshots, name, accepting=pytestconfig.getoption("--accept-mails")
    ).assert_matches()


@pytest.mark.parametrize("file", FILES)
def test_a_mail_reads_as_it_was_accepted(file: str, pytestconfig: pytest.Config) -> None:
    text = "\n".join(parts_of(file, branded()))
    if pytestconfig.getoption("--accept-mails"):
        TEXTS.mkdir(exist_ok=True)
        (TEXTS / file).write_text(text, "utf-8")
    assert text == (TEXTS / file).read_text("utf-8")


@pytest.mark.parametrize("name", EMAILS)
def test_both_parts_say_the_same(name: str, seen: Callable[[Rendered], str]) -> None:
    left_out = str.maketrans("", "", " :")  # tables of the HTML have no colons
    for props in with_hostile(SAMPLES[name]).values():
        mail = branded().render(props, LANGUAGES.choose("en"))
        shown = seen(mail).translate(left_out)
        said = mail.text.partition("\n-- \n")[0].splitlines()
        told = [
            line for line in said if not line.endswith("at this address:")
        ]  # the HTML has a button
        assert [
            line for line in told if line.translate(left_out) not in shown and line not in mail.html
        ] == []


def parts_of(file: str, templates: Templates) -> Iterator[str]:
    """Yield what a mail says, with each sample in English and with the first one in another
    language.
    """
    template, _, tag = file.removesuffix(".txt").partition(".")
    samples = SAMPLES[template]
    for sample in [next(iter(samples))] if tag else samples:
        mail = templates.render(samples[sample], LANGUAGES.choose(tag))
        yield f"==== {sample}\nSubject: {mail.subject}\nPreheader: {mail.preheader}\n\n{mail.text}"


def test_every_snapshot_is_of_a_mail() -> None:
    assert max(map(len, SAMPLES.values())) <= 6, "a designer works through all of them"
    assert STORED.names() == sorted(MAIN)
    assert sorted(file.name for file in TEXTS.iterdir()) == sorted(FILES)
