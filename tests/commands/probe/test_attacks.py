"""Each attack finds its fault, and no other: a shop that is wrong in one thing, and Keyturn, in
which nothing fails.
"""

import asyncio
import secrets
import socket
import subprocess
import time
import tomllib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
from msgspec.structs import replace
from tests.commands.probe.faulty_app import ANN, BOB, Shop
from tests.driver.service import running, settings_for
from tests.servers.databases import SOON_ON_SQLITE
from tests.servers.processes import KEYTURN, run
from tests.servers.serving import held_ports, send_answer, serving, serving_here

from keyturn.probe.attack import ATTACKS, AttackVerdict, CannotProbe, ProbeReport
from keyturn.probe.mails import ReceivedMails
from keyturn.probe.probe import play
from keyturn.probe.report import as_html, as_json, as_text
from keyturn.probe.run import Run
from keyturn.probe.target import Patience, Target, add_to_file, with_file
from keyturn.studio.inbox.smtp_server import SmtpServer
from keyturn.studio.inbox.store import CapturedMails

pytestmark = pytest.mark.long

MEASURED = "times-differ"
UNTRIED = {MEASURED, "second-step-skipped", "link-not-https"}
"""What needs samples, a second factor, or a link that leads to another machine."""

PATIENCE = Patience(silence=0.3, samples=0)
WITH: dict[str, Any] = {
    MEASURED: {"patience": Patience(silence=0.3)},
    "second-step-skipped": {"second_step": True},
}
"""What an attack needs beyond the usual."""

FORMS: Mapping[str, Any] = {"change": "/account", "private": "GET /account"}
API: Mapping[str, Any] = {
    "request": 'POST /api/forgot {"email": "{email}"}',
    "reset": 'POST /api/reset {"token": "{token}", "password": "{password}", "repeat": '
    '"{password}"}',
    "sign_in": 'POST /api/login {"email": "mailto:{email}", "password": "{password}"}',
    "change": 'POST /api/account {"current": "{old}", "password": "{password}"}',
    "private": "GET /api/account",
}


def inbox(stack: AsyncExitStack, mails: CapturedMails | None = None) -> tuple[CapturedMails, int]:
    mails = mails or CapturedMails()
    server = SmtpServer(stack.enter_context(socket.create_server(("127.0.0.1", 0))), mails)
    stack.enter_context(server.running())
    return mails, server.address[1]


async def probed(
    fault: str,
    calls: Mapping[str, Any],
    patience: Patience = PATIENCE,
    played: Mapping[str, Any] = {},
    **options: Any,
) -> ProbeReport:
    """Probe a shop. `played`: options of the run. `options`: of the shop."""
    async with AsyncExitStack() as stack:
        mails, port = inbox(stack)
        shop = Shop(port, fault, **options)
        shop.base_url = stack.enter_context(serving(shop.app()))
        target = Target(
            url=shop.base_url + shop.start,
            accounts=[ANN, BOB],
            second_step=shop.second_step,
            **calls,
        )
        return await play(Run(target, mails, patience), **played)


def names(report: ProbeReport, verdict: AttackVerdict) -> set[str]:
    return {outcome.attack.name for outcome in report.results if outcome.verdict == verdict}


def story(report: ProbeReport) -> str:
    return "\n".join(f"{one.attack.name}: {one.verdict}: {one.why}" for one in report.results)


@pytest.mark.parametrize(
    ("calls", "only"),
    [
        pytest.param(FORMS, True, id="forms"),
        pytest.param(FORMS, False, id="forms beside all others", marks=pytest.mark.nightly),
        pytest.param(API, False, id="api beside all others", marks=pytest.mark.nightly),
    ],
)
@pytest.mark.parametrize(
    "fault",
    [pytest.param(name, marks=pytest.mark.nightly if name == MEASURED else ()) for name in ATTACKS],
)
async def test_a_fault_fails_the_attack_of_its_name_alone(
    fault: str, calls: Mapping[str, Any], only: bool
) -> None:
    report = await probed(
        fault, calls, played={"only": [fault]} if only else {}, **WITH.get(fault, {})
    )

    assert names(report, AttackVerdict.FAILED) == {fault}, story(report)
    assert names(report, AttackVerdict.UNSURE) == set(), story(report)


@pytest.mark.parametrize(
    ("calls", "tried"),
    [
        pytest.param(FORMS, "", id="forms"),
        pytest.param(API, "", id="api"),
        pytest.param(FORMS, "second-step-skipped", id="forms with a second step"),
        pytest.param(API, "second-step-skipped", id="api with a second step"),
        pytest.param(FORMS, MEASURED, id="forms with times", marks=pytest.mark.nightly),
        pytest.param(API, MEASURED, id="api with times", marks=pytest.mark.nightly),
    ],
)
async def test_nothing_fails_in_a_shop_without_a_fault(
    calls: Mapping[str, Any], tried: str
) -> None:
    report = await probed("", calls, **WITH.get(tried, {}))

    assert names(report, AttackVerdict.FAILED) == set(), story(report)
    expected = {tried} if tried else ATTACKS.keys() - UNTRIED
    assert names(report, AttackVerdict.PASSED) >= expected, story(report)


REFUSED = {
    "request": API["request"],
    "reset": 'POST /api/reset {"token": "{token}", "password": "{password}"}',
}
UNPROVEN = {"calls": REFUSED, "start": "/tea", "patience": replace(PATIENCE, mail=1)}
META = (
    '<script src="http://localhost:9/x.js"></script><meta name=referrer content=never><input '
    "name=referrer>"
)


@pytest.mark.parametrize(
    ("attack", "verdict", "options"),
    [
        ("no-notice", "not-tried", UNPROVEN),
        ("get-uses-link", "not-tried", UNPROVEN),
        ("token-leaks", "passed", {"headers": {"Referrer-Policy": "strict-origin, none"}}),
        ("token-leaks", "passed", {"headers": {"Referrer-Policy": "unsafe-url"}, "markup": META}),
        (
            "page-framed",
            "passed",
            {"headers": {"Content-Security-Policy": "", "X-Frame-Options": "DENY, DENY"}},
        ),
        (
            "page-framed",
            "passed",
            {"headers": {"Content-Security-Policy": "frame-ancestors *, frame-ancestors;"}},
        ),
        (
            "page-framed",
            "failed",
            {"headers": {"Content-Security-Policy": "frame-ancestors https:"}},
        ),
        (
            "token-predictable",
            "passed",
            {"token": lambda: secrets.token_hex(6) + "1abc8def" + secrets.token_hex(6)},
        ),
        (
            "token-predictable",
            "failed",
            {"token": lambda: f"{int(time.time()):x}{secrets.randbelow(10**6):05x}"},
        ),
        (
            "secret-in-answer",
            "failed",
            {"token": lambda: f"{secrets.token_hex(9)}+/=", "fault": "secret-in-answer"},
        ),
        ("address-list", "passed", {}),
        ("host-in-link", "not-tried", {"fault": "ignores-hosts"}),
        ("times-differ", "not-tried", {"patience": Patience(silence=0.3, samples=60)}),
    ],
)
async def test_variants_are_judged_as_browsers_read_them(
    attack: str, verdict: AttackVerdict, options: Any
) -> None:
    report = await probed(**{"fault": "", "calls": FORMS, "played": {"only": [attack]}, **options})
    assert names(report, verdict) == {attack}, story(report)


async def test_requests_go_to_the_origin_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a redirect nor a proxy of the environment leads elsewhere, and a page from there is
    not judged.
    """
    asked = []
    pages = ["token-leaks", "page-cached", "page-framed"]

    async def elsewhere(scope: Any, _: Any, send: Any) -> None:
        asked.append(scope["path"])
        await send_answer(
            send,
            200,
            b"<form method=post><input type=password name=p>",
            {"content-type": "text/html"},
        )

    with serving(elsewhere) as url:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, url)
        report = await probed("", API, front=url, played={"only": pages})

    assert (names(report, AttackVerdict.NOT_TRIED), asked) == ({*pages}, []), story(report)


async def test_no_part_of_a_password_is_in_a_report() -> None:
    report = await probed("password-in-answer", API, played={"only": ["secret-in-answer"]})

    assert names(report, AttackVerdict.FAILED) == {"secret-in-answer"}, story(report)
    for text in (as_json(report), as_text(report), as_html(report)):
        assert ("[password]" in text, "Aa1-" in text) == (True, False), (
            text
        )  # so each of the probe's begins


async def test_a_page_of_a_megabyte_does_not_stop_the_probe() -> None:
    """A pattern whose time grows with the square of a page's length would not end before pytest
    does.
    """
    hostile = "a" * 500_000 + '"token":"' * 30_000 + "password:<" * 20_000 + " <a" * 20_000
    only = ["answers-differ", "secret-in-answer", "password-mailed", "page-framed"]
    report = await probed("", FORMS, padding=hostile, played={"only": only})
    assert names(report, AttackVerdict.PASSED) == {*only}, story(report)


async def test_a_run_that_is_stopped_reports_what_it_played() -> None:
    def stop(name: str) -> None:
        if (task := asyncio.current_task()) and name == "token-short":
            task.cancel()

    report = await probed("", API, played={"progress": stop})

    assert report.stopped
    assert names(report, AttackVerdict.PASSED) == {
        "answers-differ",
        "secret-in-answer",
        "password-mailed",
    }, story(report)
    assert "token-short: not-tried: The run was stopped." in story(report)


def test_another_host_is_probed_with_its_permission_and_slowly(tmp_path: Path) -> None:
    """To the probe, 0.0.0.0 is another host; to Linux, this machine. 127.0.0.2 would count as this
    machine.
    """
    trusted, own, file = (tmp_path / name for name in ("authority.pem", "server.pem", "probe.toml"))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(trusted)
    authority.issue_cert("0.0.0.0").private_key_and_cert_chain_pem.write_to_path(own)  # noqa: S104

    def command(*options: str) -> subprocess.CompletedProcess[str]:
        words = [*KEYTURN, "probe", shop.base_url, "--file", str(file), *options]
        return run(words, SSL_CERT_FILE=str(trusted))

    with held_ports(1) as [port], serving((shop := Shop(port)).app(), ssl_certfile=own) as url:
        file.write_text(f"smtp = {port}\naccounts = ['{ANN}']\n", "utf-8")
        shop.base_url = url.replace("http://127.0.0.1", "https://0.0.0.0")
        ended = command()
        shop.permission = tomllib.loads(file.read_text("utf-8"))["permission"]
        assert (ended.returncode, shop.permission in ended.stderr) == (2, True), ended
        shop.permission_type = "text/html"
        assert command().returncode == 2, (
            "a host that shows its page on every path publishes nothing"
        )
        shop.permission_type = "text/plain"
        ended = command("--only", "link-twice-at-once", "--json")

    (outcome,) = msgspec.json.decode(ended.stdout)["outcomes"]
    assert (ended.returncode, outcome["verdict"], outcome["why"][:12]) == (
        0,
        "not-tried",
        "Another host",
    ), ended


@SOON_ON_SQLITE
async def test_keyturn_passes_every_attack(database_url: str) -> None:
    served: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await served["app"](scope, receive, send)

    async with AsyncExitStack() as stack:
        mails, port = inbox(stack)
        url = await stack.enter_async_context(serving_here(app))
        rates = dict.fromkeys(("request", "client", "login", "account"), "1000/minute")
        settings = settings_for(
            database_url,
            base_url=url,
            mail={"transport": "smtp", "from": "Northwind School <no-reply@northwind.example>"},
            smtp={"host": "127.0.0.1", "port": port, "security": "none"},
            limits={**rates, "mailbox_cooldown": "0s", "mailbox_daily": 15},
        )
        service = await stack.enter_async_context(running(settings, worker=True, sends=True))
        served["app"] = service.app
        for address in (ANN, BOB):
            await service.add(address)

        change = (
            'POST /api/auth/change-password {"currentPassword": "{old}", "newPassword": '
            '"{password}"}'
        )
        patience = Patience(
            silence=1, samples=0
        )  # on a busy machine the worker's mails take a while
        report = await play(
            Run(Target(url=url, accounts=[ANN, BOB], change=change), mails, patience)
        )

    assert names(report, AttackVerdict.PASSED) == ATTACKS.keys() - UNTRIED, story(report)


START = '<a href="/forgot">Forgot your password?</a>'


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (
            '<input type="email" name="email">',
            "No mail with a link for .* Let the application send by SMTP",
        ),
        (
            '<input type="email" name="email"><div class="cf-turnstile"></div>',
            "captcha|CAPTCHA|challenge",
        ),
        ('<input name="first"><input name="last">', "--request"),
        ("", "--request"),
    ],
    ids=["no mail", "a CAPTCHA", "a form without an address", "no form"],
)
async def test_an_application_that_it_cannot_probe_is_told_with_what_to_give_it(
    form: str, said: str
) -> None:
    async def app(scope: Any, _: Any, send: Any) -> None:
        page = f'<form method="post">{form}</form>' if scope["path"] == "/forgot" else START
        await send_answer(send, 200, page.encode(), {"content-type": "text/html"})

    async with AsyncExitStack() as stack:
        mails, _ = inbox(stack)
        url = stack.enter_context(serving(app))
        with pytest.raises(CannotProbe, match=said):
            await play(Run(Target(url=url, accounts=[ANN]), mails, Patience(mail=0.3)))


def test_a_mail_gives_a_link_or_a_code() -> None:
    inbox, token, other = CapturedMails(), secrets.token_hex(16), secrets.token_hex(16)
    for text in (f"/form/{token}/ann", f"/form/{other}/bob", "/reset with the code 493817"):
        name = text.rpartition("/")[2]
        inbox.add(
            f"To: {name}@app.example\n\nReset your password at http://app.example{text}\n".encode()
        )
    ann, bob, code = ReceivedMails(inbox).mails
    assert (ann.token, ann.shape, code.link, code.token) == (token, bob.shape, "", "493817")


def test_a_file_keeps_what_its_user_wrote_and_gets_what_was_found(tmp_path: Path) -> None:
    file = tmp_path / "probe.toml"
    file.write_text("# Ours\nsmtp = 1025", "utf-8")
    target = with_file({"url": "http://127.0.0.1:3000", "smtp": None}, file)
    for _ in range(2):
        add_to_file(file, replace(target, request="/forgot"))

    written = '# Ours\nsmtp = 1025\nurl = "http://127.0.0.1:3000"\nrequest = "/forgot"\n'
    assert file.read_text("utf-8") == written
