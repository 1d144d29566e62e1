"""Pages of one's own: what they stand in for, and how a mistake in one is told."""

import logging
from functools import partial
from pathlib import Path

import pytest
from tests.driver.visitor import heading, words
from tests.spec.pages.school import OpenSchool, visiting

from keyturn import SettingsInvalid

pytestmark = pytest.mark.long

CALMER = (
    '{% extends "keyturn/forgot.html" %}{% block question %}<h1>{{ _("Sign in") }}?</h1>{% '
    "endblock %}\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pages").mkdir()
    return (tmp_path / "pages").resolve()


@pytest.fixture
def open_school(open_school: OpenSchool, folder: Path) -> OpenSchool:
    return partial(open_school, pages={"templates": str(folder)})


async def test_a_page_of_one_s_own_replaces_ours_and_may_extend_it(
    open_school: OpenSchool, folder: Path
) -> None:
    (folder / "forgot.html").write_text(CALMER)
    visitor = visiting(await open_school())
    page = await visitor.get("/forgot-password", **{"accept-language": "de"})
    assert heading(page) == "Anmelden?"
    assert "Anmelden? E-Mail Link senden" in words(page)
    assert heading(await visitor.get("/login")) == "Sign in"
    assert (await visitor.submit("/forgot-password", email="ada@")).status_code == 422


async def test_what_a_user_typed_is_escaped_also_in_a_text_file_that_a_page_includes(
    open_school: OpenSchool, folder: Path
) -> None:
    (folder / "forgot.html").write_text(
        '{% extends "keyturn/forgot.html" %}{% block answer %}{% include "a.txt" %}{{ email }}{{ '
        "super() }}"
        "{% endblock %}"
    )
    (folder / "a.txt").write_text("{{ email }}")
    page = await visiting(await open_school()).submit("/forgot-password", email="<b>@")
    assert "<b>@" not in page.text
    assert page.text.count("&lt;b&gt;@") >= 3


async def test_a_layout_of_one_s_own_is_that_of_every_page_of_ours(
    open_school: OpenSchool, folder: Path
) -> None:
    (folder / "page.html").write_text(
        '{% extends "keyturn/page.html" %}{% block foot %}{% include "imprint.html" %}{{ super() '
        "}}{% endblock %}"
    )
    (folder / "imprint.html").write_text("<p>Harbour Street 12</p>")
    visitor = visiting(await open_school())
    for path in ("/forgot-password", "/login", "/reset-password"):
        assert "Harbour Street 12" in (await visitor.get(path)).text


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("forgot.html", "<p>\n{% if %}", "forgot.html:2: Expected an expression"),
        (
            "forgot.html",
            '{% extends "keyturn/forgot.html" %}\n{% block answer %}\n{{ emial }}{% endblock %}',
            "forgot.html:3: 'emial' is undefined",
        ),
        ("dead_link.html", "{{ reason.nothing.more }}", "dead_link.html:1: "),
        (
            "sign_in.html",
            '{% extends "pge.html" %}',
            "sign_in.html:1: there is no template pge.html",
        ),
        ("forgot.html", '{% extends "forgot.html" %}', "forgot.html:1: RecursionError: "),
    ],
)
async def test_a_mistake_is_told_at_the_start_with_its_file_and_line(
    open_school: OpenSchool, folder: Path, name: str, text: str, told: str
) -> None:
    (folder / name).write_text(text)
    with pytest.raises(SettingsInvalid) as invalid:
        await open_school()
    (fault,) = invalid.value.faults
    assert fault.name == "pages.templates"
    assert fault.message.startswith(f"{folder}/{told}")


async def test_a_page_that_fails_later_is_ours_and_the_log_says_where(
    open_school: OpenSchool, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "forgot.html").write_text(
        '{% extends "keyturn/forgot.html" %}\n{% block answer %}{{ super() }}\n'
        "{% if email == 'x@' %}{{ nothing.x }}{% endif %}{% endblock %}"
    )
    visitor = visiting(await open_school())
    with caplog.at_level(logging.ERROR, "keyturn.pages"):
        page = await visitor.submit("/forgot-password", email="x@")
    assert (page.status_code, heading(page)) == (422, "Forgot your password?")
    assert f"{folder}/forgot.html:3: 'nothing' is undefined" in caplog.text
