"""Logs of Keyturn, its libraries and the server around an app hold no token, password hash or full
address.
"""

import json
import logging
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from io import StringIO
from pkgutil import walk_packages
from typing import Any, get_args, get_type_hints

import httpx2
import pytest
from msgspec import Struct
from tests.servers.serving import serving
from uvicorn.logging import AccessFormatter

import keyturn.service
from keyturn.service.telemetry.logs import (
    LogEvent,
    RedactingFilter,
    configure_logs,
    redact,
    redact_access_logs,
    request_id,
)

TOKEN = "kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgOi4M6xRtKqEo"
HASH = "$2b$04$j.BmeQls.f75uwy8T4RNwu0YaQT7RGT.NPgYxuQGfnIEx9AxgG3Y6"
AS_LONG_AS_A_TOKEN_WITHIN = "$2b$04$FfjkoOv6g/6wM1meoZ5dzO9HPIr4GVrJqLUEHXS8q3diXOVHD4IjO"

log = logging.getLogger("keyturn.outbox")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"token={TOKEN}", "token=[token]"),
        (
            f"https://a.example/reset-password/{TOKEN}?x=1",
            "https://a.example/reset-password/[token]?x=1",
        ),
        (f"'{TOKEN}'", "'[token]'"),
        *(
            (f"/reset{before}{TOKEN}{after}?x", "/[token]?x")
            for before in ("-", "_", "--", "1")
            for after in ("", "-", "_", "z")
        ),
        (f"password_hash={HASH!r}", "password_hash='[hash]'"),
        (AS_LONG_AS_A_TOKEN_WITHIN, "[hash]"),
        ("<Ada.B+c@northwind.example>, eve@x.example", "<A***@northwind.example>, e***@x.example"),
        ("/reset?email=ada%40northwind.example", "/reset?email=a***%40northwind.example"),
        ("jürgen@bücher.example", "j***@bücher.example"),
        ("a***@northwind.example", "a***@northwind.example"),
        ("0123456789abcdef0123456789abcdef01234567", "0123456789abcdef0123456789abcdef01234567"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_an_app_that_knows_nothing_of_it_sees_an_event_as_a_whole_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log.warning(LogEvent("mail.retried", message_id=7, reason="no room for eve@x.example"))
    assert caplog.messages == ["mail.retried message_id=7 reason=no room for e***@x.example"]


@pytest.fixture(autouse=True)
def _without_a_request() -> Iterator[None]:
    identity = request_id.set("")
    yield
    request_id.reset(identity)


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return what was logged since, each line from its JSON; nothing else may be written
    anywhere.
    """

    def read() -> list[dict[str, Any]]:
        out, err = capsys.readouterr()
        assert out == ""
        return [json.loads(line) for line in err.splitlines()]

    return read


def test_away_from_a_terminal_a_record_is_a_line_of_json_also_a_librarys(lines: Any) -> None:
    configure_logs()
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    request_id.set("c0ffee")
    log.info(LogEvent("mail.sent", message_id=7, transport="resend", latency_ms=43.5))
    library, ours = lines()
    assert (library["event"], library["logger"]) == ("Started server process [7]", "uvicorn.error")
    assert "request_id" not in library, "it is outside any request"
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {
        "event": "mail.sent",
        "level": "info",
        "logger": "keyturn.outbox",
        "message_id": 7,
        "transport": "resend",
        "latency_ms": 43.5,
        "request_id": "c0ffee",
    }


def test_fields_arguments_tracebacks_and_warnings_are_redacted(lines: Any) -> None:
    configure_logs()
    log.warning(
        LogEvent("sign_in.rejected", email="ada@northwind.example", reason=ValueError(TOKEN))
    )
    logging.getLogger("x").warning("failed for %s", "eve@x.example")
    try:
        raise ValueError(f"no room\nfor ada@northwind.example with {TOKEN} and {HASH}")  # noqa: TRY301
    except ValueError:
        log.exception(LogEvent("mail.failed", message_id=7))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("ada@northwind.example is deprecated", DeprecationWarning, stacklevel=1)
    event, plain, failed, warned = lines()
    assert "a***@northwind.example is deprecated" in warned["event"]
    assert (event["email"], event["reason"]) == ("a***@northwind.example", "[token]")
    assert plain["event"] == "failed for e***@x.example"
    assert failed["exception"].endswith(
        "ValueError: no room\nfor a***@northwind.example with [token] and [hash]"
    )
    assert "Traceback" in failed["exception"]


@pytest.mark.parametrize(
    ("level", "shown"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)]
)
def test_the_level_is_that_of_the_settings(level: str, shown: int, lines: Any) -> None:
    configure_logs(level)
    for write in (log.debug, log.info, log.warning, log.error):
        write(LogEvent("mail.sent"))
    # Libraries stay quiet about statements and headers even at debug.
    logging.getLogger("aiosqlite").debug("executing INSERT ('ada@northwind.example')")
    logging.getLogger("httpx2").info("HTTP Request: POST https://api.example/emails")
    logging.getLogger("any.other").debug("headers: %s", {"authorization": "Bearer re_secret"})
    assert [line["event"] for line in lines()] == ["mail.sent"] * shown


def test_a_terminal_gets_text(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    configure_logs()
    log.info(LogEvent("mail.sent", message_id=7, attempts=1))
    (line,) = terminal.getvalue().splitlines()
    assert line.split()[1:] == [
        "[info",
        "]",
        "mail.sent",
        "[keyturn.outbox]",
        "message_id=7",
        "attempts=1",
    ]


@pytest.fixture
def written() -> Iterator[StringIO]:
    """Collect what uvicorn writes, in its own form."""
    logger, stream = logging.getLogger("uvicorn.access"), StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        AccessFormatter('%(client_addr)s - "%(request_line)s" %(status_code)s', use_colors=False)
    )
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    redact_access_logs()
    yield stream
    for name in ("uvicorn", "hypercorn", "gunicorn", "granian"):
        log = logging.getLogger(f"{name}.access")
        log.filters[:] = [one for one in log.filters if not isinstance(one, RedactingFilter)]


async def app(_: Any, __: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def test_a_link_s_token_is_not_in_the_server_s_access_log(written: StringIO) -> None:
    with serving(app) as url:
        httpx2.get(f"{url}/reset-password/{TOKEN}?email=ada@northwind.example", timeout=30)

    assert (
        '"GET /reset-password/[token]?email=a***@northwind.example HTTP/1.1" 204'
        in written.getvalue()
    )


def test_a_traceback_with_its_variables_shows_no_password_token_or_code() -> None:
    held = {"token", "password", "new_password", "current_password", "again", "secret", "code"}
    ours = ("keyturn.service.api", "keyturn.service.pages", "keyturn.service.reset")
    for module in walk_packages(keyturn.service.__path__, "keyturn.service."):
        for struct in vars(import_module(module.name)).values():
            if isinstance(struct, type(Struct)) and struct.__module__.startswith(ours):
                texts = {
                    name
                    for name, hint in get_type_hints(struct).items()
                    if str in (hint, *get_args(hint))
                }
                assert struct.__repr__ is object.__repr__ or not held & texts, struct


def test_what_servers_look_up_by_name_stays_what_it_was() -> None:
    """Gunicorn's and hypercorn's atoms find headers behind their keys."""

    class Atoms(dict[str, Any]):
        def __missing__(self, key: str) -> str:
            return f"[{key}]"

    atoms = Atoms(r=f"GET /reset-password/{TOKEN} HTTP/1.1", s=200)
    record = logging.LogRecord(
        "gunicorn.access", logging.INFO, "", 0, '"%(r)s" %(s)s %({x}i)s', (atoms,), None
    )

    assert RedactingFilter().filter(record)
    assert record.getMessage() == '"GET /reset-password/[token] HTTP/1.1" 200 [{x}i]'
