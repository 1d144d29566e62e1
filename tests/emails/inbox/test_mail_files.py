"""Mails that lie in files, in the inbox."""

from pathlib import Path

from keyturn.studio.inbox.store import CapturedMails, add_mail_files, mail_files


def _write(file: Path, subject: str, day: int = 1) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    head = f"From: shop@a.example\r\nTo: ada@b.example\r\nDate: Fri, {day:02} May 2026 10:00:00 +0000\r\n"
    file.write_bytes(f"{head}Subject: {subject}\r\n\r\nHello\r\n".encode())
    return file


def test_an_eml_file_is_one_mail_and_any_other_file_none(tmp_path: Path) -> None:
    mail, note = _write(tmp_path / "one.EML", "One"), _write(tmp_path / "note.txt", "None")
    assert (mail_files(mail), mail_files(note)) == ([mail], [])


def test_the_mails_of_a_folder_are_found_in_folders_below_it(tmp_path: Path) -> None:
    mails = [_write(tmp_path / "a.eml", "A"), _write(tmp_path / "may" / "b.eml", "B")]
    _write(tmp_path / ".hidden.eml", "Hidden")
    assert mail_files(tmp_path) == mails


def test_the_mails_of_a_maildir_need_no_ending_and_those_on_their_way_are_left_out(tmp_path: Path) -> None:
    mails = [_write(tmp_path / "cur" / "1.host:2,S", "Read"), _write(tmp_path / "new" / "2.host", "New")]
    _write(tmp_path / "tmp" / "3.host", "On its way")
    assert mail_files(tmp_path) == mails


def test_they_are_ordered_by_their_own_dates_and_deleting_one_leaves_its_file(tmp_path: Path) -> None:
    files = [_write(tmp_path / "a.eml", "Later", 3), _write(tmp_path / "b.eml", "Earlier", 2)]
    captured = CapturedMails()
    assert add_mail_files(captured, files) == []
    assert [(mail.subject, mail.at.day) for mail in captured.newest()] == [("Later", 3), ("Earlier", 2)]
    assert captured.delete() == 2
    assert all(file.exists() for file in files)


def test_a_file_that_is_gone_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    captured = CapturedMails()
    gone = tmp_path / "gone.eml"
    assert add_mail_files(captured, [gone, _write(tmp_path / "here.eml", "Here")]) == [gone]
    assert captured.kept == 1
