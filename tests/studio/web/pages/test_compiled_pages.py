"""The compiled pages, which the studio keeps for its next start."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from litestar.testing import TestClient

from keyturn.studio.web import Studio, create_studio_app
from keyturn.studio.web.pages.compiled_pages import compiled_pages


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the folder of the kept pages, which does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    compiled_pages.cache_clear()
    yield tmp_path / "caches" / "keyturn" / "pages"
    compiled_pages.cache_clear()


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Return a list that gets the name of each template that Jinja compiles."""
    names: list[str | None] = []
    compile_template = jinja2.Environment.compile

    def note(environment: jinja2.Environment, source: str, name: str | None = None, *rest: Any) -> Any:
        names.append(name)
        return compile_template(environment, source, name, *rest)

    monkeypatch.setattr(jinja2.Environment, "compile", note)
    return names


def home(studio: Studio) -> str:
    """Return the home page of a studio that has just started."""
    compiled_pages.cache_clear()
    with TestClient(create_studio_app(studio), base_url="http://127.0.0.1") as client:
        answer = client.get("/studio")
    assert answer.status_code == 200
    return answer.text


def test_a_file_of_rubbish_is_compiled_again(studio: Studio, caches: Path, compiled: list[str | None]) -> None:
    first = home(studio)
    for file in caches.iterdir():
        file.write_bytes(file.read_bytes()[:100])
    compiled.clear()
    assert home(studio) == first
    assert "home.html" in compiled


def test_a_folder_that_others_can_write_to_is_not_used(studio: Studio, caches: Path) -> None:
    caches.mkdir(parents=True)
    caches.chmod(0o777)
    home(studio)
    assert list(caches.iterdir()) == []


def test_a_link_in_place_of_the_folder_is_not_followed(studio: Studio, caches: Path, tmp_path: Path) -> None:
    caches.parent.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    caches.symlink_to(elsewhere)
    home(studio)
    assert list(elsewhere.iterdir()) == []


def test_without_a_place_for_the_folder_the_studio_starts(studio: Studio, caches: Path) -> None:
    caches.parent.parent.write_text("a file where the folder should be")
    assert "greeting" in home(studio)
