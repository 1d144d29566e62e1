"""Where samples are found, and what is said of those that cannot be read."""

import json
from collections.abc import Mapping
from pathlib import Path
from time import process_time

import pytest
from tests.studio.folders import written

from keyturn import Mails
from keyturn.errors import TemplateInvalid
from keyturn.studio.gallery.samples.files import find_samples

TOML = '[ada]\nname = "Ada"\n'
JSON = '{"ada": {"name": "Ada"}}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "emails"


def found(folder: Path, markup: str, name: str = "") -> dict[str, Mapping[str, object]]:
    name = name or markup.partition(".")[0]
    return {one: sample.values for one, sample in find_samples(folder, name, markup).items()}


@pytest.mark.parametrize(
    ("markup", "file", "text"),
    [
        ("auth/reset.mjml", "auth/reset.samples.toml", TOML),
        ("auth/reset.mjml", "auth/reset.toml", TOML),
        ("auth/reset.mjml", "auth/samples/reset.toml", TOML),
        ("auth/reset.mjml", "samples/auth/reset.json", JSON),
        ("auth/reset.mjml", "../samples/auth/reset.toml", TOML),
        ("welcome/index.mjml.j2", "welcome/samples.toml", TOML),
        ("welcome/index.mjml.j2", "welcome/samples.json", JSON),
        ("welcome/index.mjml.j2", "welcome/index.toml", TOML),
    ],
)
def test_they_are_found_beside_a_mail_and_in_a_folder_of_samples(
    folder: Path, markup: str, file: str, text: str
) -> None:
    written(folder, {markup: "<mjml />", file: text})
    assert found(folder, markup, "auth/reset" if "auth" in markup else "welcome") == {
        "ada": {"name": "Ada"}
    }


def test_the_samples_of_a_folder_with_several_mails_belong_to_none_of_them(folder: Path) -> None:
    written(folder, {"samples.toml": TOML})
    (folder / "welcome.toml").mkdir()  # no file
    assert found(folder, "welcome.html") == {}


def test_a_name_that_two_files_give_is_told(folder: Path) -> None:
    written(
        folder,
        {
            "welcome.toml": TOML,
            "samples/welcome.toml": "[grace]\nname = 'Grace'\n[ada]\nname = 'Ada'\n",
        },
    )
    with pytest.raises(TemplateInvalid) as caught:
        found(folder, "welcome.html")
    file = folder / "samples" / "welcome.toml"
    assert str(caught.value) == f"{file}:3: sample [ada] exists already, in emails/welcome.toml"


@pytest.mark.parametrize(
    ("file", "text", "line", "message"),
    [
        ("welcome.toml", '[ada]\nname = "', 2, "Unterminated string"),
        ("welcome.json", '{"ada": {"name": "Ada",}}', 1, "(at line 1, column"),
        ("welcome.json", '{"ada": {},\n"ada": {}}', 2, "ada occurs twice"),
        (
            "welcome.json",
            f'{{"(at line {"9" * 5000}": 1,\n"(at line {"9" * 5000}": 2}}',
            2,
            "occurs twice",
        ),
        (
            "welcome.samples.toml",
            'name = "Ada"\n',
            1,
            "name is outside a sample: write a line [first] above it",
        ),
        (
            "welcome.samples.json",
            '{"name": "Ada"}',
            1,
            'name is outside a sample: write "first": { above it',
        ),
        ("welcome.json", r'{"ada": {"name": "\ud800"}}', None, "half a character"),
        ("samples/welcome.json", "[1]", 1, "A file of samples must contain names with values"),
    ],
)
def test_a_broken_file_is_told_by_its_line(
    folder: Path, file: str, text: str, line: int | None, message: str
) -> None:
    written(folder, {file: text})
    with pytest.raises(TemplateInvalid) as caught:
        found(folder, "welcome.html")
    assert (caught.value.path, caught.value.line) == (str(folder / file), line)
    assert message in caught.value.message


def test_many_names_in_json(folder: Path) -> None:
    """A file with many names is read in time to their number, not to its square."""
    names = {f"name{number}": number for number in range(20_000)}
    written(folder, {"welcome.json": json.dumps({"ada": names})})
    start = process_time()
    assert found(folder, "welcome.html") == {"ada": names}
    assert process_time() - start < 5


@pytest.mark.parametrize(
    ("text", "samples"),
    [
        (
            (
                '{"root": {"type": "EmailLayout", "data": {}}, "block-1": {"type": "Text", "data": '
                "{}}}"
            ),
            ["guessed"],
        ),
        ('{"schemaVersion": 3, "body": {"id": "a"}}', ["guessed"]),
        ('{"ada": {"name": "Ada"}, "root": {"type": "Text"}}', ["ada", "root"]),
        ('{"ada": {"nmae": "Ada"}}', ["ada"]),  # misspelt, which is told
    ],
)
def test_json_of_another_tool(folder: Path, text: str, samples: list[str]) -> None:
    """A JSON file beside a mail, with its name, holds samples only if it has a name that the mail
    may use.
    """
    page = "<html><body><p>Dear {{ name }}</p></body></html>"
    assert [*Mails.open(written(folder, {"a.html": page, "a.json": text})).samples("a")] == samples
