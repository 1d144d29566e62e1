"""What is reported of filters that are not defined."""

from pathlib import Path

import pytest

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.source.unknown_filters import unknown_filters_in


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("datetimeformat", "Flask-Babel has one of this name; "),
        ("format_datetime", "Babel has one of this name; "),
        ("naturaltime", "Django has one of this name; "),
        ("dateform", "Check its spelling; "),
        ("uper", "Did you mean upper? Otherwise, "),
        ("truncat", "Did you mean truncate? Otherwise, "),
    ],
)
def test_only_what_is_close_is_meant_and_what_is_known_is_named(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "welcome.html").write_text(f"<p>{{{{ when|{name} }}}}</p>")

    (finding,) = unknown_filters_in(open_gallery(tmp_path), "welcome.html")

    assert finding.message == f"No filter named '{name}'."
    assert finding.fix.startswith(said)
    assert finding.fix.endswith("--env package.module:environment.")
