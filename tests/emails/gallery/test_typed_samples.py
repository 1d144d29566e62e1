"""samples.toml beside a template."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.samples import read_samples

from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.render import EmailProps


class Invitation(EmailProps, frozen=True):
    template = "invitation"

    name: str
    until: datetime
    lifetime: timedelta


GOOD = """\
[ada]
name = "Ada"
until = 2026-11-20T14:32:00Z
lifetime = "PT30M"

["without a name"]
name = ""
until = 2026-11-20T14:32:00Z
lifetime = "P2D"
"""


def written(folder: Path, text: str) -> Path:
    (folder / "invitation").mkdir()
    (folder / "invitation" / "samples.toml").write_text(text, "utf-8")
    return folder


def test_each_table_is_a_sample_with_typed_values(tmp_path: Path) -> None:
    samples = read_samples(written(tmp_path, GOOD), Invitation)

    until = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)
    assert samples == {
        "ada": Invitation(name="Ada", until=until, lifetime=timedelta(minutes=30)),
        "without a name": Invitation(name="", until=until, lifetime=timedelta(days=2)),
    }


@pytest.mark.parametrize(
    ("was", "becomes", "line", "message"),
    [
        ('"Ada"', "1815", 1, "sample [ada]: Expected `str`, got `int` - at `$.name`"),
        ('"PT30M"', '"half an hour"', 1, "sample [ada]: Invalid ISO8601 duration - at `$.lifetime`"),
        ('name = ""', 'nmae = ""', 6, "sample [without a name]: Object contains unknown field `nmae`"),
        ('name = ""\n', "", 6, "sample [without a name]: Object missing required field `name`"),
        ("[ada]", 'motto = "hello"\n[ada]', 1, "motto is outside a sample: write a line [first] above it"),
        ('lifetime = "P2D"', "lifetime =", 9, "Invalid value (at line 9, column 11)"),
        ('["without a name"]', "[ada]", 6, "Cannot declare ('ada',) twice (at line 6, column 5)"),
    ],
)
def test_a_bad_sample_is_told_by_file_line_and_field(
    was: str, becomes: str, line: int, message: str, tmp_path: Path
) -> None:
    folder = written(tmp_path, GOOD.replace(was, becomes))

    with pytest.raises(TemplateInvalid) as caught:
        read_samples(folder, Invitation)

    assert str(caught.value) == f"{folder / 'invitation' / 'samples.toml'}:{line}: {message}"
