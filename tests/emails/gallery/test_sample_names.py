"""What a sample may be called."""

from pathlib import Path

import pytest

from keyturn.emails.gallery.samples.saving import SampleFiles, name_fault
from keyturn.errors import SampleNotSaved


@pytest.mark.parametrize("name", ["viewer", "long_name", "two-days", "größe", "2026", "a" * 60])
def test_a_name_is_a_word(name: str) -> None:
    assert name_fault(name) == ""


@pytest.mark.parametrize(
    "name", ["", " ", "two words", "a/b", "..", "-x", "[x]", 'a"', "a.b", "a\nb", "a" * 61, "hostile: HTML"]
)
def test_and_nothing_else(tmp_path: Path, name: str) -> None:
    (tmp_path / "mail").mkdir()
    assert name_fault(name)
    with pytest.raises(SampleNotSaved):
        SampleFiles(tmp_path, "mail", "mail/mail.mjml").save(name, {"name": "Ada"}, ())
    assert list(tmp_path.iterdir()) == [tmp_path / "mail"]
    assert list((tmp_path / "mail").iterdir()) == []
