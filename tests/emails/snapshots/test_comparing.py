"""How each mail differs from its accepted snapshot."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.emails.studio.on_screen import save

from keyturn.emails.gallery import Gallery
from keyturn.emails.snapshots import MailName, SnapshotFolder, Snapshots
from keyturn.errors import SettingsInvalid
from keyturn.languages import Languages

ADA, GRACE, NOTICE = MailName("greeting", "ada"), MailName("greeting", "grace"), MailName("notice", "only")


def states(snapshots: Snapshots) -> dict[str, str]:
    return {str(name): snapshots.compare(name).state for name in snapshots.names()}


def accept_all(snapshots: Snapshots) -> None:
    for name in snapshots.names():
        snapshots.accept(snapshots.compare(name))


def test_every_mail_is_new_at_first(snapshots: Snapshots) -> None:
    assert states(snapshots) == {"greeting/ada": "new", "greeting/grace": "new", "notice/only": "new"}


def test_what_was_accepted_is_the_same(snapshots: Snapshots) -> None:
    accept_all(snapshots)
    assert set(states(snapshots).values()) == {"same"}


def test_what_a_save_changed_is_told_with_what_it_was_and_is(snapshots: Snapshots, folder: Path) -> None:
    accept_all(snapshots)
    save(folder, "Hello {{ name }}", "Welcome {{ name }}")
    assert states(snapshots) == {"greeting/ada": "changed", "greeting/grace": "changed", "notice/only": "same"}
    changed = snapshots.compare(ADA)
    assert (changed.html.removed, changed.html.added) == (1, 1)
    assert changed.html.edits == {("old", "Hello"), ("new", "Welcome")}
    assert changed.text.edits == set(), "the text part was not touched"


def test_a_change_of_the_text_part_alone_is_a_change(snapshots: Snapshots, folder: Path) -> None:
    accept_all(snapshots)
    save(folder, "Hello", "Welcome", "greeting/greeting.txt")
    changed = snapshots.compare(ADA)
    assert changed.state == "changed"
    assert (changed.html.added, changed.text.added) == (0, 1)


def test_of_a_sample_that_is_no_more_the_snapshots_are_left_and_accepting_takes_them_away(
    snapshots: Snapshots, folder: Path
) -> None:
    accept_all(snapshots)
    save(folder, "[grace]", "[rear_admiral]", "greeting/samples.toml")
    assert states(snapshots) == {
        "greeting/ada": "same",
        "greeting/rear_admiral": "new",
        "notice/only": "same",
        "greeting/grace": "gone",
    }
    accept_all(snapshots)
    assert snapshots.stored.names() == [ADA, MailName("greeting", "rear_admiral"), NOTICE]


def test_of_a_template_that_is_no_more_too(snapshots: Snapshots, folder: Path) -> None:
    accept_all(snapshots)
    for file in (folder / "notice").iterdir():
        file.unlink()
    assert snapshots.compare(NOTICE).state == "gone"
    accept_all(snapshots)
    assert not (snapshots.stored.folder / "notice").exists()


def test_a_broken_template_is_neither_changed_nor_gone_and_cannot_be_accepted(
    snapshots: Snapshots, folder: Path
) -> None:
    accept_all(snapshots)
    before = snapshots.stored.read(ADA)
    save(folder, "{{ name }}", "{{ nmae }}")
    broken = snapshots.compare(ADA)
    assert broken.state == "broken"
    assert "'nmae' is undefined" in str(broken.fault)
    assert not broken.acceptable
    snapshots.accept(broken)
    assert snapshots.stored.read(ADA) == before


def test_samples_that_cannot_be_read_are_told_once_and_their_snapshots_are_not_gone(
    snapshots: Snapshots, folder: Path
) -> None:
    accept_all(snapshots)
    save(folder, 'name = "Ada"', "name = Ada", "greeting/samples.toml")
    assert states(snapshots) == {"greeting/": "broken", "notice/only": "same"}
    accept_all(snapshots)
    assert snapshots.stored.read(ADA)


def test_an_id_is_of_what_was_looked_at(snapshots: Snapshots, folder: Path) -> None:
    accept_all(snapshots)
    ids = [snapshots.compare(ADA).id, snapshots.compare(ADA).id, snapshots.compare(GRACE).id]
    save(folder, "Hello", "Welcome")
    ids.append(snapshots.compare(ADA).id)
    accept_all(snapshots)
    ids.append(snapshots.compare(ADA).id)
    assert len(set(ids)) == 4
    assert ids[0] == ids[1]


@pytest.mark.parametrize("name", [MailName("greeting", "nobody"), MailName("none", "ada"), MailName("greeting", "")])
def test_what_never_was_is_not_compared(snapshots: Snapshots, name: MailName) -> None:
    with pytest.raises(LookupError):
        snapshots.compare(name)


@pytest.fixture
def bilingual(gallery: Gallery, tmp_path: Path) -> Gallery:
    """Add German, without a single translation."""
    catalogue = tmp_path / "locales" / "de" / "LC_MESSAGES" / "messages.po"
    catalogue.parent.mkdir(parents=True)
    catalogue.write_text('msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n')
    return replace(gallery, languages=Languages("UTC", tmp_path / "locales", domain="messages"))


def test_a_mail_has_snapshots_in_each_of_its_languages(bilingual: Gallery, tmp_path: Path) -> None:
    snapshots = Snapshots(bilingual, SnapshotFolder(tmp_path / "snapshots"))
    accept_all(snapshots)
    assert sorted(file.name for file in (tmp_path / "snapshots" / "notice").iterdir()) == [
        "only.de.html",
        "only.de.txt",
        "only.html",
        "only.txt",
    ]
    assert 'lang="de"' in (tmp_path / "snapshots" / "greeting" / "ada.de.html").read_text("utf-8")
    in_english = Snapshots(bilingual, snapshots.stored, ["en"])
    assert in_english.compare(ADA).state == "same"
    assert in_english.compare(ADA._replace(language="de")).state == "gone"


def test_a_language_that_is_not_there_is_refused_with_those_that_are(bilingual: Gallery, tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="snapshot_languages: there is no language fr; there are de, en"):
        Snapshots(bilingual, SnapshotFolder(tmp_path / "snapshots"), ["en", "fr"])


def test_snapshots_among_the_templates_are_refused_as_they_would_be_mails(gallery: Gallery) -> None:
    with pytest.raises(SettingsInvalid, match=r"snapshots: .* is inside the folder of the templates: move it outside"):
        Snapshots(gallery, SnapshotFolder(gallery.folder / "snapshots"))
