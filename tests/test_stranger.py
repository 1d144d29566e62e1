"""The marks of tests that need programs, and the check that a run without the programs only skips."""

import pytest
from playwright.async_api import Browser
from tests.databases import Databases, PostgresServer
from tests.mariadb_server import MariadbServer
from tests.programs import require_program
from tests.stranger import REASONS, SkipsOnly

BWRAP, CADDY, CHROMIUM, MARIADB, NGINX, NODE, PHP, POSTGRESQL, PROMETHEUS, SAMBA, SLAPD, SYSTEMD = sorted(REASONS)


def marks(request: pytest.FixtureRequest) -> set[str]:
    return {mark.name for mark in request.node.iter_markers()} & {"browser", "mariadb", "node", "php", "postgresql"}


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="session")
async def test_a_test_in_the_browser_is_marked(browser: Browser, request: pytest.FixtureRequest) -> None:
    assert browser.is_connected()
    assert marks(request) == {"browser"}


def test_a_test_on_mariadb_is_marked(mariadb: MariadbServer, request: pytest.FixtureRequest) -> None:
    assert mariadb
    assert marks(request) == {"mariadb"}


@pytest.mark.parametrize("databases", ["sqlite", "postgresql"], indirect=True)
def test_a_test_of_several_engines_is_marked_for_its_own(databases: Databases, request: pytest.FixtureRequest) -> None:
    assert marks(request) == ({"postgresql"} if isinstance(databases, PostgresServer) else set())


@pytest.mark.parametrize("url", ["postgresql", "mariadb"])
def test_a_word_among_the_values_of_a_test_is_no_mark(url: str, request: pytest.FixtureRequest) -> None:
    assert url
    assert marks(request) == set()


@pytest.mark.parametrize("path", ["", "/nowhere"])
def test_a_program_out_of_sight_is_a_skip_that_says_what_to_install(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROGRAMS_PATH", path)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=CHROMIUM):
        require_program("chromium", "chromium")


def test_a_program_out_of_sight_is_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROGRAMS_PATH", "")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=MARIADB):
        require_program("mariadbd", "mariadb-server")


EACH = f"""
    import pytest
    def test_unit(): pytest.skip({BWRAP!r})
    def test_caddy(): pytest.skip({CADDY!r})
    def test_nginx(): pytest.skip({NGINX!r})
    def test_page(): pytest.skip({CHROMIUM!r})
    def test_rows(): pytest.skip({MARIADB!r})
    def test_app(): pytest.skip({NODE!r})
    def test_hash(): pytest.skip({PHP!r})
    def test_tls(): pytest.skip({POSTGRESQL!r})
    def test_alert(): pytest.skip({PROMETHEUS!r})
    def test_domain(): pytest.skip({SAMBA!r})
    def test_directory(): pytest.skip({SLAPD!r})
    def test_verified(): pytest.skip({SYSTEMD!r})
"""


REST = (MARIADB, NODE, PHP, POSTGRESQL, PROMETHEUS, SAMBA, SLAPD, SYSTEMD)


@pytest.mark.parametrize(
    ("more", "surprise"),
    [
        ("", None),
        ("def test_more(): pass", "test_it.py::test_more: passed in its call"),
        ("def test_more(): assert 0", "test_it.py::test_more: failed in its call"),
        ("def test_more(nothing): pass", "test_it.py::test_more: failed in its setup"),
        ("def test_more(): pytest.skip('tired')", "test_it.py::test_more: skipped, but for tired"),
        ("@pytest.mark.xfail\n    def test_more(): assert 0", "test_it.py::test_more: skipped, but for no reason"),
        ("nonsense", "test_it.py: failed before it was collected"),
    ],
    ids=["skips", "passed", "failed", "broken", "skipped for another reason", "expected to fail", "not collected"],
)
@pytest.mark.long
def test_whatever_is_no_such_skip_is_named(pytester: pytest.Pytester, more: str, surprise: str | None) -> None:
    pytester.makepyfile(test_it=EACH + f"    {more}\n")
    outcome = SkipsOnly()
    pytester.inline_run("-p", "no:asyncio", plugins=[outcome])
    assert [told for told in outcome.surprises() if "no test said" not in told] == ([surprise] if surprise else [])


def test_a_reason_that_no_test_had_is_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(EACH.partition("    def test_rows")[0])
    outcome = SkipsOnly()
    pytester.inline_run("-p", "no:asyncio", plugins=[outcome])
    assert outcome.surprises() == [f"no test said: {reason}" for reason in REST]
