"""How each mail differs from its accepted snapshot."""

from dataclasses import replace
from pathlib import Path

import pytest

from keyturn.errors import SettingsInvalid
from keyturn.mail.languages import Languages
from keyturn.studio.gallery import Gallery
from keyturn.studio.snapshots import MailName, SnapshotFolder, Snapshots

ADA = MailName("greeting", "ada")


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


def test_a_language_that_is_not_there_is_refused_with_those_that_are(bilingual: Gallery, tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="snapshot_languages: there is no language fr; there are de, en"):
        Snapshots(bilingual, SnapshotFolder(tmp_path / "snapshots"), ["en", "fr"])
