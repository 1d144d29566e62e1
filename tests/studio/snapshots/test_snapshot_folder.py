"""Snapshots: plain files, a place for each mail, and none outside of the folder."""

from dataclasses import replace
from pathlib import Path

import pytest

from keyturn.errors import SettingsInvalid
from keyturn.mail.languages.language import Languages
from keyturn.mail.rendering.compiling import Rendered
from keyturn.mail.rendering.folders import MailFiles
from keyturn.studio.gallery import Gallery
from keyturn.studio.snapshots import MailName, SnapshotFolder, Snapshots
from keyturn.studio.snapshots.comparison import Snapshot

ADA = MailName("greeting", "ada")
MAIL = Snapshot("<p>\n<b>Hello</b>\n</p>\n", "Hello\n")


@pytest.fixture
def stored(tmp_path: Path) -> SnapshotFolder:
    return SnapshotFolder(tmp_path / "snapshots")


def written(stored: SnapshotFolder) -> dict[str, str]:
    files = (path for path in stored.folder.rglob("*") if path.is_file())
    return {
        path.relative_to(stored.folder).as_posix(): path.read_text("utf-8")
        for path in sorted(files)
    }


def rendered(html: str, text: str = "", subject: str = "Welcome") -> Rendered:
    return Rendered(subject=subject, preheader="", html=html, text=text, mjml="")


def test_the_html_is_a_tag_a_line_and_a_subject_is_kept_where_it_has_a_file_of_its_own(
    stored: SnapshotFolder,
) -> None:
    mail = rendered("<html><body><p>Hello <b>Ada</b></p></body></html>", subject="Welcome, Ada")
    alone = Snapshot.of(mail, MailFiles("greeting.html"))
    assert (alone.subject, alone.html) == (
        "",
        "<html>\n<body>\n<p>Hello <b>Ada</b>\n</p>\n</body>\n</html>\n",
    )
    stored.write(ADA, Snapshot.of(mail, MailFiles("greeting.html", subject="greeting.subject.txt")))
    assert written(stored)["greeting/ada.subject.txt"] == "Welcome, Ada\n"


def test_line_ends_of_windows_are_no_difference(stored: SnapshotFolder) -> None:
    snapshot = Snapshot.of(
        rendered("<p>Hello\r\nAda</p>", "Hello\r\n"), MailFiles("greeting.html", "greeting.txt")
    )
    stored.write(ADA, snapshot)
    (stored.folder / "greeting" / "ada.txt").write_bytes(b"Hello\r\n")
    assert stored.read(ADA) == snapshot
    (stored.folder / "greeting" / "ada.txt").write_bytes(b"\xff\xfe")
    assert stored.read(ADA) == snapshot._replace(text="\ufffd\ufffd\n"), (
        "what is no text is another one"
    )


def test_hooks_of_repositories(stored: SnapshotFolder) -> None:
    """A snapshot is written as pre-commit's hooks want it, and a byte order mark or other blanks
    are no difference.
    """
    files = MailFiles("greeting.html", "greeting.txt", "greeting.subject.txt")
    snapshot = Snapshot.of(
        rendered("<p>Hello \n\tAda\t</p> ", "Hello  \n\nAda \n\n", "Welcome "), files
    )
    stored.write(ADA, snapshot)
    assert [*written(stored).values()] == ["<p>Hello\n\tAda\t</p>\n", "Welcome\n", "Hello\n\nAda\n"]
    (stored.folder / "greeting" / "ada.txt").write_text("\ufeffHello \n\nAda", "utf-8")
    assert stored.read(ADA) == snapshot


@pytest.mark.parametrize(
    ("name", "file"),
    [
        (MailName("auth/reset", "viewer"), "auth/reset/viewer.html"),
        (MailName("greeting", "ada", "pt-BR"), "greeting/ada.pt-BR.html"),
        (MailName("greeting", "a long name"), "greeting/a long name.html"),
        (MailName("greeting", "größe"), "greeting/größe.html"),
        (MailName("greeting", "v1.2"), "greeting/v1%2E2.html"),
        (MailName("greeting", "../../ada"), "greeting/%2E%2E%2F%2E%2E%2Fada.html"),
        (MailName("greeting", "a:b\\c"), "greeting/a%3Ab%5Cc.html"),
        (MailName("greeting", "x.subject", "de"), "greeting/x%2Esubject.de.html"),
    ],
)
def test_a_name_leads_to_a_file_and_back(stored: SnapshotFolder, name: MailName, file: str) -> None:
    stored.write(name, MAIL)
    assert file in written(stored)
    assert stored.names() == [name]
    assert stored.read(name) == MAIL


@pytest.mark.parametrize("template", ["../greeting", "a/../../greeting", "/etc", ""])
def test_no_template_leads_out_of_the_folder(stored: SnapshotFolder, template: str) -> None:
    for touch in (stored.read, stored.files):
        with pytest.raises(LookupError, match="cannot have a snapshot"):
            touch(MailName(template, "ada"))
    with pytest.raises(LookupError):
        stored.write(MailName(template, "ada"), MAIL)
    assert not stored.folder.exists()


def test_a_part_that_a_mail_has_no_more_loses_its_file(stored: SnapshotFolder) -> None:
    stored.write(ADA, MAIL)
    stored.write(ADA, MAIL._replace(text=""))
    assert written(stored) == {"greeting/ada.html": MAIL.html}


def test_other_files_in_the_folder_are_none_of_its_business(stored: SnapshotFolder) -> None:
    stored.write(ADA, MAIL)
    for other in ("README.md", "notes.txt", "greeting/.ada.html.half", "greeting/ada.png"):
        (stored.folder / other).write_text("x")
    assert stored.names() == [ADA]


@pytest.fixture
def bilingual(gallery: Gallery, tmp_path: Path) -> Gallery:
    """Add German, without a single translation."""
    catalogue = tmp_path / "locales" / "de" / "LC_MESSAGES" / "messages.po"
    catalogue.parent.mkdir(parents=True)
    catalogue.write_text('msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n')
    return replace(gallery, languages=Languages("UTC", tmp_path / "locales", domain="messages"))


def test_a_mail_has_snapshots_in_each_of_its_languages(bilingual: Gallery, tmp_path: Path) -> None:
    snapshots = Snapshots(bilingual, SnapshotFolder(tmp_path / "snapshots"))
    for name in snapshots.names():
        snapshots.accept(snapshots.compare(name))
    stored = sorted(file.name for file in (tmp_path / "snapshots" / "notice").iterdir())
    assert stored == ["only.de.html", "only.de.txt", "only.html", "only.txt"]
    assert 'lang="de"' in (tmp_path / "snapshots" / "greeting" / "ada.de.html").read_text("utf-8")
    in_english = Snapshots(bilingual, snapshots.stored, ["en"])
    assert in_english.compare(ADA).state == "same"
    assert in_english.compare(ADA._replace(language="de")).state == "gone"


def test_a_language_that_is_not_there_is_refused_with_those_that_are(
    bilingual: Gallery, tmp_path: Path
) -> None:
    with pytest.raises(
        SettingsInvalid, match="snapshot_languages: there is no language fr; there are de, en"
    ):
        Snapshots(bilingual, SnapshotFolder(tmp_path / "snapshots"), ["en", "fr"])
