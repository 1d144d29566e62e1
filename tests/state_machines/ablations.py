"""Safeguards, each of which a function removes from the running service, to show that the machine notices."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from keyturn.service import addresses
from keyturn.service.accounts.builtin import Sessions
from keyturn.service.reset import check
from keyturn.service.reset.change import ChangeEffects
from keyturn.service.reset.proofs.second_step.tries import SecondStepTries
from keyturn.service.reset.records.codes import CodeStore, TriedCode
from keyturn.service.reset.records.guarded import SingleUse
from keyturn.service.reset.records.link_store import Link, LinkStore
from keyturn.service.reset.records.mailboxes import Mailboxes
from keyturn.service.reset.records.secure_links import SecureLink, SecureLinkStore
from keyturn.service.reset.records.stores import Transaction
from keyturn.service.reset.request import ResetRequests


def _nothing(*_: object, **__: object) -> None:
    """Do nothing, in the place of a safeguard."""


def without_the_guard_of_a_link_s_update(patch: pytest.MonkeyPatch) -> None:
    def consume(links: LinkStore, digest: bytes, moment: datetime) -> bool:
        del moment
        return links.find_within(digest) is not None

    patch.setattr(LinkStore, "consume", consume)


def without_the_guard_of_a_button_s_update(patch: pytest.MonkeyPatch) -> None:
    use = SingleUse.use

    def use_again(secret: SingleUse, connection: sa.Connection, moment: datetime, **key: object) -> Any:
        return use(secret, connection, moment, **key) or {"account_id": "", "email": "", "changed_at": moment}

    patch.setattr(SingleUse, "use", use_again)


def without_the_end_of_a_link(patch: pytest.MonkeyPatch) -> None:
    def dead_reason(link: Link, _: datetime) -> str | None:
        return "used" if link.used_at else "invalid" if link.revoked_at else None

    patch.setattr(Link, "dead_reason", dead_reason)


def without_the_end_of_other_links_at_a_change(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LinkStore, "revoke_all", _nothing)


def without_the_end_of_other_sessions_at_a_change(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sessions, "end_all", _nothing)


def without_the_comparison_of_a_link_s_address(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(check, "_opens", lambda link, account: account.active or (link.recovers and account.locked))


def without_the_check_that_an_account_is_active(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(check, "_opens", lambda link, account: addresses.is_same_mailbox(account.email, link.email))


def without_the_cooldown_of_a_mailbox(patch: pytest.MonkeyPatch) -> None:
    async def refusals(*_: object) -> dict[str, str]:
        return {}

    def claim(_: Mailboxes, wanted: Sequence[tuple[str, bool]], moment: datetime) -> list[bool]:
        del moment
        return [is_wanted for _, is_wanted in wanted]

    patch.setattr(Mailboxes, "refusals", refusals)
    patch.setattr(Mailboxes, "claim", claim)


def without_the_one_use_of_a_code(patch: pytest.MonkeyPatch) -> None:
    def consume(_: CodeStore, code: TriedCode, moment: datetime) -> bool:
        del code, moment
        return True

    patch.setattr(CodeStore, "consume", consume)


def without_the_count_of_a_code_s_tries(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("keyturn.service.reset.records.codes.TRIES", 100)


def without_the_end_of_codes_at_a_change(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CodeStore, "revoke_all", _nothing)


def without_the_same_answer_for_an_unknown_address(patch: pytest.MonkeyPatch) -> None:
    accept = ResetRequests.accept

    async def accept_known(requests: ResetRequests, email: str, *rest: Any) -> None:
        mailbox = await requests._records.mailboxes.find(email)
        if mailbox is None or mailbox.mails < 3:
            await accept(requests, email, *rest)

    patch.setattr(ResetRequests, "accept", accept_known)


def without_the_one_replacement_of_a_link(patch: pytest.MonkeyPatch) -> None:
    # Behind it, a mailbox's cooldown and daily count (`Mailboxes.claim`) refuse most of the mails, but the trail then
    # has one request too many.
    patch.setattr(LinkStore, "replace", lambda *_: True)


def without_the_one_use_of_an_authenticator_s_code(patch: pytest.MonkeyPatch) -> None:
    # Both refuse a used code: `OwnSecondStep` looks at the last step before a change, and the guarded statement
    # `take_step` compares again within it. For two requests at once, `LinkStore.revoke_all` is behind both: the first
    # change ends the other link.

    async def last_step(*_: object) -> int:
        return -1

    patch.setattr(SecondStepTries, "last_step", last_step)
    patch.setattr(SecondStepTries, "take_step", lambda *_: True)


def without_the_limit_of_a_press_to_links_of_its_mailbox(patch: pytest.MonkeyPatch) -> None:
    end = ChangeEffects.end_access

    def end_all(effects: ChangeEffects, tx: Transaction, account_id: str, moment: datetime, **limits: Any) -> None:
        end(effects, tx, account_id, moment, **limits | {"mailbox": None})

    patch.setattr(ChangeEffects, "end_access", end_all)


def without_the_limit_of_a_press_to_buttons_of_its_mailbox(patch: pytest.MonkeyPatch) -> None:
    consume = SecureLinkStore.consume

    def consume_and_end(buttons: SecureLinkStore, digest: bytes, moment: datetime) -> SecureLink | None:
        if link := consume(buttons, digest, moment):
            buttons.end_elsewhere(link.account_id, link.email, moment)
        return link

    patch.setattr(SecureLinkStore, "consume", consume_and_end)


def without_the_end_of_earlier_buttons_at_a_proven_change(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SecureLinkStore, "end_elsewhere", _nothing)


def without_the_count_of_an_account_s_wrong_second_steps(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SecondStepTries, "_count_for_account", lambda *_: 1)
