"""Where samples are found, and what is said of those that cannot be read."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from keyturn.errors import TemplateInvalid
from keyturn.studio.gallery.samples.files import find_samples

Write = Callable[[str, str], None]

TOML = '[ada]\nname = "Ada"\n'
JSON = '{"ada": {"name": "Ada"}}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "emails"


@pytest.fixture
def write(folder: Path) -> Write:
    def file(name: str, text: str) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")

    return file


def found(folder: Path, markup: str, name: str = "") -> dict[str, Mapping[str, object]]:
    name = name or markup.partition(".")[0]
    return {one: sample.values for one, sample in find_samples(folder, name, markup).items()}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("auth/reset.samples.toml", TOML),
        ("auth/reset.toml", TOML),
        ("auth/samples/reset.toml", TOML),
        ("samples/auth/reset.json", JSON),
        ("../samples/auth/reset.toml", TOML),
    ],
)
def test_they_are_found_beside_a_mail_and_in_a_folder_of_samples(
    folder: Path, write: Write, file: str, text: str
) -> None:
    write("auth/reset.mjml", "<mjml />")
    write(file, text)

    assert found(folder, "auth/reset.mjml") == {"ada": {"name": "Ada"}}


@pytest.mark.parametrize(
    ("file", "text"),
    [("welcome/samples.toml", TOML), ("welcome/samples.json", JSON), ("welcome/index.toml", TOML)],
)
def test_a_mail_with_a_folder_of_its_own_has_them_there(folder: Path, write: Write, file: str, text: str) -> None:
    write(file, text)

    assert found(folder, "welcome/index.mjml.j2", "welcome") == {"ada": {"name": "Ada"}}


def test_the_samples_of_a_folder_with_several_mails_belong_to_none_of_them(folder: Path, write: Write) -> None:
    write("samples.toml", TOML)
    (folder / "welcome.toml").mkdir()  # no file

    assert found(folder, "welcome.html") == {}


def test_a_name_that_two_files_give_is_told(folder: Path, write: Write) -> None:
    write("welcome.toml", TOML)
    write("samples/welcome.toml", "[grace]\nname = 'Grace'\n[ada]\nname = 'Ada'\n")

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
        ("welcome.json", f'{{"(at line {"9" * 5000}": 1,\n"(at line {"9" * 5000}": 2}}', 2, "occurs twice"),
        ("welcome.samples.toml", 'name = "Ada"\n', 1, "name is outside a sample: write a line [first] above it"),
        ("welcome.samples.json", '{"name": "Ada"}', 1, 'name is outside a sample: write "first": { above it'),
        ("samples/welcome.json", "[1]", 1, "A file of samples must contain names with values"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_by_its_line(
    folder: Path, write: Write, file: str, text: str, line: int | None, message: str
) -> None:
    write(file, text)

    with pytest.raises(TemplateInvalid) as caught:
        found(folder, "welcome.html")

    assert (caught.value.path, caught.value.line) == (str(folder / file), line)
    assert message in caught.value.message
