"""A provider is away for longer than a link lives: the user is told, and once for each link."""

import re
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import text
from tests.mail.providers.deployment import ADA, NOWHERE, SECRET_KEY, Deployment
from tests.mail.providers.test_fallback import resend_at
from tests.resend_server.answers import Trouble, refusal
from tests.resend_server.server import ResendServer

from keyturn.service.clock import now
from keyturn.service.outbox.message import Seal
from keyturn.service.problems.proofs import LinkDead
from keyturn.service.reset.records.client import Client
from keyturn.service.settings import LimitSettings

pytestmark = [pytest.mark.parametrize("databases", ["sqlite"], indirect=True), pytest.mark.slow]

SUPPRESSED = sha256(f"mailbox_suppressed/{ADA}".encode()).hexdigest()[:32]
SUPPRESSION = f"INSERT INTO keyturn_limits VALUES ('{SUPPRESSED}', 4e9)"  # noqa: S608 - a digest
TOKEN = re.compile(r"/reset-password/([\w-]{43})")
ELSEWHERE = Client(ip_address="192.0.2.9")


@pytest.fixture
async def away(deployment: Deployment) -> Deployment:
    """Return the service with an unreachable provider and no cooldown."""
    await deployment.deploy(resend=resend_at(NOWHERE), limits=LimitSettings(mailbox_cooldown=timedelta(0)))
    return deployment


async def expire_links(deployment: Deployment) -> None:
    await write(deployment, "UPDATE keyturn_secrets SET expires_at = created_at")


async def write(deployment: Deployment, statement: str) -> None:
    await deployment.parts.database.execute(text(statement))


async def return_to(deployment: Deployment, resend: ResendServer) -> None:
    await deployment.deploy(resend=resend_at(resend.url))
    await deployment.work()


def templates(resend: ResendServer) -> list[str]:
    return [tag["value"] for mail in resend.accepted for tag in mail.fields["tags"] if tag["name"] == "template"]


def tokens_in(fields: Mapping[str, Any]) -> set[str]:
    return set(TOKEN.findall(fields["html"] + fields["text"]))


async def outcomes(deployment: Deployment) -> list[str]:
    return [entry.outcome for entry in reversed(await deployment.parts.audit.read())]


async def ended(deployment: Deployment) -> list[tuple[str, str | None]]:
    return [(row.state, row.reason) for row in await deployment.messages()]


async def test_where_certainly_nobody_has_the_old_mail_a_fresh_link_is_sent(
    away: Deployment, resend: ResendServer
) -> None:
    await away.ask()
    await away.work()
    await expire_links(away)
    await away.work()
    await expire_links(away)
    await return_to(away, resend)

    (mail,) = resend.accepted
    (token,) = tokens_in(mail.fields)
    assert (await away.parts.checks.validate(token, ELSEWHERE)).email == ADA
    assert await ended(away) == [("sent", None)]
    assert await outcomes(away) == ["link_mailed"] * 3


@pytest.mark.parametrize("trouble", [refusal(503, "down"), Trouble.DROP_AFTER_ACCEPTING])
async def test_where_a_provider_may_have_it_nothing_more_is_sent_and_the_trail_says_expired(
    deployment: Deployment, resend: ResendServer, trouble: Any
) -> None:
    resend.coming.append(trouble)
    await deployment.ask()
    await deployment.work()
    await resend.idle()
    sent = len(resend.accepted)
    await expire_links(deployment)
    await deployment.work()

    assert len(resend.accepted) == sent
    assert await outcomes(deployment) == ["link_mailed", "expired"]
    assert await ended(deployment) == [("dropped", "expired")]


async def test_who_was_invited_is_invited_again(away: Deployment, resend: ResendServer) -> None:
    await write(away, "UPDATE keyturn_accounts SET password_hash = NULL")
    await away.parts.invitations.invite_all([ADA])
    await away.work()
    await expire_links(away)
    await return_to(away, resend)

    assert templates(resend) == ["invitation"]
    (token,) = tokens_in(resend.accepted[-1].fields)
    live = await away.parts.checks.validate(token, ELSEWHERE)
    assert live.expires_at > now() + timedelta(days=2)
    assert await outcomes(away) == ["link_mailed"] * 2


async def test_who_has_chosen_a_password_since_is_not_invited_again(away: Deployment, resend: ResendServer) -> None:
    await write(away, "UPDATE keyturn_accounts SET password_hash = NULL")
    await away.parts.invitations.invite_all([ADA])
    await away.work()
    await expire_links(away)
    await write(away, "UPDATE keyturn_accounts SET password_hash = 'x'")
    await return_to(away, resend)

    assert resend.accepted == []
    assert await outcomes(away) == ["link_mailed", "needs_no_invitation"]


@pytest.mark.parametrize(
    ("change", "outcome", "reason"),
    [
        ("UPDATE keyturn_secrets SET used_at = created_at", "link_mailed", "the link is used"),
        ("UPDATE keyturn_accounts SET active = false", "disabled", "disabled"),
        ("UPDATE keyturn_accounts SET email = 'other@northwind.test'", "no_account", "no_account"),
        (SUPPRESSION, "suppressed", "suppressed"),
    ],
    ids=["who has used the link", "who is disabled", "who has another address", "who takes no mail"],
)
async def test_who_may_not_have_a_link_any_more_gets_none(
    away: Deployment, resend: ResendServer, change: str, outcome: str, reason: str
) -> None:
    await away.ask()
    await away.work()
    await write(away, change)
    await expire_links(away)
    await return_to(away, resend)

    assert resend.accepted == []
    assert await ended(away) == [("dropped", reason)]
    assert (await outcomes(away))[-1] == outcome


async def test_who_has_no_password_any_more_is_told_how_to_sign_in(away: Deployment, resend: ResendServer) -> None:
    await away.ask()
    await away.work()
    await write(away, "UPDATE keyturn_accounts SET password_hash = NULL, provider = 'Google'")
    await expire_links(away)
    await return_to(away, resend)

    assert templates(resend) == ["sign_in_with_provider"]


async def test_an_old_link_stays_dead_once_it_was_renewed(away: Deployment, resend: ResendServer) -> None:
    await away.ask()
    await away.work()
    sealed = (await away.message()).sealed
    await expire_links(away)
    await return_to(away, resend)

    (old,) = tokens_in({"html": "", "text": unsealed(sealed)})
    with pytest.raises(LinkDead, match="expired"):
        await away.parts.checks.validate(old, ELSEWHERE)


def unsealed(sealed: bytes) -> str:
    return Seal([SECRET_KEY]).open(sealed).decode("latin-1")
