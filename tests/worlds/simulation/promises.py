"""The promises of the docs, checked at a world's end by its journal, its mails and its clients'
answers alone.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import bcrypt
import msgspec
from tests.driver.journal import EVE, Records, Row, digest, payload_of, read_time
from tests.worlds.simulation.access import a_change_ends_all_access
from tests.worlds.simulation.programs import COOLDOWN, MAILS_A_DAY, REQUESTS
from tests.worlds.simulation.provider import Accepted, Try
from tests.worlds.simulation.users import (
    ASK,
    CHANGE,
    CHECK,
    REPLACE,
    RESET,
    SECURE,
    Call,
    Users,
    link_in,
)
from tests.worlds.simulation.world import World

_SUPPRESSED = "suppressed"

_EXCUSES = (_SUPPRESSED, "the link is used", "the link is invalid", "the link is replaced")
"""Why a mail that was written may not be sent. That its link has expired is no excuse."""

_PAUSE = 600.0
"""Seconds for which a provider that has failed four times in a row gets no new mail."""

_SEEN = 150.0
"""Seconds after which a process has surely noticed a failure, even if it was frozen and its disk
was slow meanwhile.
"""


class Traces:
    """What a world has left: its journal and tables, the mails that providers accepted, and its
    clients' answers.
    """

    def __init__(self, world: World, users: Users) -> None:
        self.world, self.calls, self.records = world, users.calls, Records()
        self.mails = [mail for provider in world.providers for mail in provider.mails]

    def asked(self, *paths: str, status: int = 0) -> list[Call]:
        """Return the calls at these paths, or those of them with that status."""
        return [
            call for call in self.calls if call.request.path in paths and status in {0, call.status}
        ]


def check(world: World, users: Users) -> None:
    """Tell the story which promises do not hold."""
    traces = Traces(world, users)
    for promise, fault in dict.fromkeys(
        (promise, fault) for promise, judge in _PROMISES for fault in judge(traces)
    ):
        world.story.break_promise(promise, fault)


Judge = Callable[[Traces], Iterator[str]]


def _no_link_works_twice(traces: Traces) -> Iterator[str]:
    for what in ("link used", "secure link used"):
        uses = Counter(row.who for row in traces.records.of(what) if row.new is not None)
        undone = Counter(row.who for row in traces.records.of(what) if row.new is None)
        for name, count in uses.items():
            if count - undone[name] > 1:
                yield f"{what} {count} times: {name[:6]}"
    for path in (RESET, SECURE):
        won = Counter(call.request.fields["token"] for call in traces.asked(path, status=200))
        yield from (
            f"{count} clients succeeded with {token[:6]}"
            for token, count in won.items()
            if count > 1
        )


def _nothing_ended_comes_back(traces: Traces) -> Iterator[str]:
    records = traces.records
    for row in records.of("link used", "link revoked", "secure link used"):
        is_given_back = row.what == "link used" and row.new is None and not records.of("password")
        if row.old is not None and not is_given_back:
            yield f"{row.what}: {row.who[:6]} had ended at {row.old}, and was changed to {row.new}"
    revoked: set[str] = set()
    for row in records.of("link used", "link revoked"):
        if row.what == "link revoked":
            revoked.add(row.who)
        elif row.new is not None and row.who in revoked:
            yield f"the link {row.who[:6]} was revoked, and used after that"
    for row in records.of("state"):
        if row.old != "waiting" and not (row.old in {"dropped", "dead"} and row.new == "sent"):
            yield f"message {row.who} was {row.old} and is {row.new}"
    ended = {row.old for row in records.of("session ended")}
    yield from (f"session {name[:6]} had ended" for name in records.sessions & ended)


def _every_request_has_one_outcome(traces: Traces) -> Iterator[str]:
    written: dict[str, list[Row]] = defaultdict(list)
    for row in traces.records.written("reset_requested"):
        written[str(payload_of(row)["client"].get("user_agent", ""))].append(row)
    for call in traces.asked(ASK, REPLACE):
        agent = call.request.agent
        rows = written[agent]
        accepted = call.status == 202
        if len(rows) > 1 or (accepted and not rows and call.request.path == ASK):
            yield f"{agent} has {len(rows)} messages"
        if not accepted and rows and call.status in {400, 429}:
            yield f"{agent} was refused and has a message"
        for row in rows:
            yield from _one_outcome(traces.records, agent, row)


def _one_outcome(records: Records, agent: str, row: Row) -> Iterator[str]:
    message = records.messages.get(row.who)
    if message is None or message["state"] not in ("sent", "dropped", "dead"):
        yield f"the message of {agent} is {message and message['state']}"
        return
    asked_at = read_time(payload_of(row)["at"])
    entries = [
        one
        for one in records.audit
        if one["message_id"] == row.who and one["event"] == "reset_request"
    ]
    first = [one for one in entries if read_time(one["at"]) == asked_at]
    if len(first) != 1 and not (message["state"] == "dead" and not entries):
        yield (
            f"{agent} has {len(first)} outcomes in the audit trail: "
            f"{[one['outcome'] for one in entries]}"
        )
    later = [one for one in entries if one not in first]
    if any(read_time(one["at"]) < asked_at for one in later) and len(later) > 1:
        yield f"{agent} was answered again before its request"


def _a_link_is_mailed(traces: Traces) -> Iterator[str]:
    """Judge that a request for which a mail was written becomes one, or is dead, which operators
    see.
    """
    records = traces.records
    outcomes = {
        one["message_id"]: one["outcome"]
        for one in records.audit
        if one["event"] == "reset_request"
    }
    for row in records.written("reset_requested"):
        message = records.messages.get(row.who)
        if message is None or outcomes.get(row.who) not in ("link_mailed", "provider_mailed"):
            continue
        if message["state"] == "dropped" and message["reason"] not in _EXCUSES:
            yield f"message {row.who} has a link and no mail: {message['reason']}"


def _one_mail_a_message(traces: Traces) -> Iterator[str]:
    records = traces.records
    keys = {row.new: row.who for row in records.of("message", "key")}
    of_message: dict[Any, list[Accepted]] = defaultdict(list)
    for mail in traces.mails:
        if mail.key not in keys:
            yield f"a mail under {mail.key[-6:]} belongs to no message"
        else:
            of_message[keys[mail.key]].append(mail)
    for message_id, accepted in of_message.items():
        kind = next(row.old for row in records.of("message") if row.who == message_id)
        if len(accepted) > 1 and kind != "account_secured":
            yield (
                f"message {message_id} became {len(accepted)} mails: "
                f"{[one.key[-6:] for one in accepted]}"
            )
        if len({one.key for one in accepted}) < len(accepted):
            yield f"message {message_id} is with both providers under one key"
        state, reason = (records.messages[message_id][name] for name in ("state", "reason"))
        # After a lost answer, the link may have ended, or the mailbox takes no more mail.
        if state == "dropped" and reason not in _EXCUSES:
            yield f"message {message_id} was dropped ({reason}) and mailed"
    for message_id, message in records.messages.items():
        is_mail = message["kind"] in (
            "reset_requested",
            "password_changed",
            "account_secured",
            "address_disputed",
        )
        if is_mail and message["state"] == "sent" and not of_message[message_id]:
            yield f"message {message_id} is sent, and no provider has it"


def _one_confirmation_a_change(traces: Traces) -> Iterator[str]:
    records = traces.records
    changes = Counter(row.who for row in records.of("password"))
    if not changes:  # the accounts are elsewhere: a used link stands for a change
        changes = _used_links(records)
    confirmations = Counter(
        payload_of(row)["account_id"] for row in records.written("password_changed")
    )
    for account in changes | confirmations:
        if changes[account] != confirmations[account]:
            yield f"{account}: {changes[account]} changes, {confirmations[account]} confirmations"
    accepted = {mail.key for mail in traces.mails}
    keys: dict[Any, set[str]] = defaultdict(set)
    for row in records.of("message", "key"):
        keys[row.who].add(row.new)
    for row in records.written("password_changed"):
        message = records.messages[row.who]
        told = keys[row.who] & accepted
        is_excused = message["state"] == "dead" or message["reason"] == _SUPPRESSED
        if not told and not is_excused:
            yield f"confirmation {row.who} is {message['state']} and was never mailed"


def _used_links(records: Records) -> Counter[str]:
    used = Counter(
        records.links[row.who]["account_id"]
        for row in records.of("link used")
        if row.new is not None
    )
    used.subtract(
        records.links[row.who]["account_id"] for row in records.of("link used") if row.new is None
    )
    return +used


def _of_another_system(traces: Traces) -> Iterator[str]:
    """Judge changes in another system: each is confirmed, and an account has one at a time."""
    records, world = traces.records, traces.world
    if not world.other:
        return
    stored, used = Counter(account for account, _ in world.other.stored), _used_links(records)
    for account, count in stored.items():
        if count > used[account]:
            yield f"{account}: {count} passwords were stored, {used[account]} links are used"
    passwords = {password for _, password in world.other.stored}
    for call in traces.asked(RESET, status=200):
        if call.request.fields["newPassword"] not in passwords:
            yield f"{call.request.agent} was told of a change that did not happen"
    for one in records.retried:
        email = msgspec.json.decode(records.messages[one["message_id"]]["payload"]).get("email", "")
        if one["detail"] == UnicodeEncodeError.__name__ and email != EVE:
            yield f"message {one['message_id']} to {email} waits because of another's account"
    if world.other.most_at_once > 1 and not any(
        "clock jumps" in line for line in world.story.lines
    ):
        yield f"{world.other.most_at_once} changes of an account at a time"


def _links_are_what_mails_say(traces: Traces) -> Iterator[str]:
    records = traces.records
    stored = {row.who for row in records.of("link")}
    for mail in traces.mails:
        token = link_in(mail.email)
        if token and digest(token) not in stored:
            yield f"the link {token[:6]} was mailed and never stored"
    # Another system may refuse a change while its link counts as used, which is then given back.
    used = {row.who for row in records.of("link used")}
    for call in traces.asked(CHECK, REPLACE, RESET):
        if call.answer and "reason" in call.answer.document:
            link = records.links.get(digest(call.request.fields["token"]))
            reason = call.answer.document["reason"]
            if link and reason == "used" and digest(call.request.fields["token"]) not in used:
                yield f"{call.request.agent} was told that an unused link was used"
            if link and reason == "invalid" and link["revoked_at"] is None:
                yield f"{call.request.agent} was told that a working link is invalid"
            if (
                link
                and reason == "expired"
                and read_time(link["expires_at"]).timestamp() > call.clock
            ):
                yield f"{call.request.agent} was told that a link has expired, before its end"


def _success_is_true(traces: Traces) -> Iterator[str]:
    hashes = [row.new.encode() for row in traces.records.of("password")]
    for call in traces.asked(RESET, CHANGE, status=200) if hashes else ():
        password = call.request.fields["newPassword"].encode()
        if stored := next((one for one in hashes if bcrypt.checkpw(password, one)), None):
            hashes.remove(stored)  # each call has a password of its own
        else:
            yield f"{call.request.agent} was told of a change that did not happen"
    changed = {one["user_agent"] for one in traces.records.audit if one["outcome"] == "changed"}
    for call in traces.asked(RESET, CHANGE):
        if call.answer and call.status not in {200, 504} and call.request.agent in changed:
            yield f"{call.request.agent} was told {call.status}, and its password was changed"


def _answers_tell_nothing(traces: Traces) -> Iterator[str]:
    answers = [call.answer for call in traces.asked(ASK, status=202)]
    accepted = {(answer.body, *sorted(answer.headers.items())) for answer in answers if answer}
    if len(accepted) > 1:
        yield f"{len(accepted)} different answers to accepted requests"
    for call in traces.asked(ASK):
        if call.status not in {0, 202, 429, 503}:
            yield f"{call.request.agent} got {call.status}"


def _limits_hold(traces: Traces) -> Iterator[str]:
    windows: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in traces.asked(ASK, status=202):
        windows[call.server, call.request.ip_address].append(call)
    for (_server, address), accepted in windows.items():
        for place, first in enumerate(accepted):
            for refills, later in enumerate(accepted[place + REQUESTS :], 1):
                if later.ended - first.at < refills * 60 / REQUESTS - 1:
                    yield (
                        f"{address} made {REQUESTS + refills} requests in "
                        f"{later.ended - first.at:.0f} seconds"
                    )


def _mailboxes_rest(traces: Traces) -> Iterator[str]:
    """Judge that a mailbox gets no link during the cooldown of the one before, by the clock or by
    the time passed.

    If the clock was set back in between, a counter may have been empty, and forgotten, before that.
    """
    records, longest = traces.records, traces.world.nature.longest
    last: dict[str, datetime] = {}
    made_at: dict[str, list[datetime]] = defaultdict(list)
    for row in records.journal:
        if row.what == "link used":  # the owner has read the mail, so the next may come at once
            last.pop(records.links[row.who]["account_id"], None)
        if row.what == "link" and not records.links[row.who]["recovers"]:
            account, made = row.new, read_time(records.links[row.who]["created_at"])
            made_at[account].append(made)
            before = last.get(account)
            if (
                before
                and made - before < COOLDOWN
                and longest(before, made) < COOLDOWN.total_seconds()
            ):
                yield (
                    f"{account} got two links {abs((made - before).total_seconds()):.0f} "
                    "seconds apart"
                )
            last[account] = made
    for account, times in made_at.items():
        refills = (max(times) - min(times)) / timedelta(days=1) * MAILS_A_DAY
        if len(times) > MAILS_A_DAY + refills:
            yield f"{account} got {len(times)} links in {max(times) - min(times)}"


def _nothing_is_unexplained(traces: Traces) -> Iterator[str]:
    yield from (f"{call.request.agent} got 500" for call in traces.calls if call.status == 500)


def _one_worker_at_a_time(traces: Traces) -> Iterator[str]:
    """Judge that no mail is handed over twice at a time,
    but after its worker was frozen or killed.
    """
    world = traces.world
    if not world.weather.is_steady:
        return
    under_way: dict[str, Try] = {}
    for one in sorted(
        (one for provider in world.providers for one in provider.tries), key=lambda one: one.began
    ):
        before = under_way.get(one.key)
        if before and one.began < before.ended and before.process not in world.weather.frozen:
            yield f"{one.process} and {before.process} handed over {one.key[-6:]} at a time"
        under_way[one.key] = one


def _a_failing_provider_is_spared(traces: Traces) -> Iterator[str]:
    """Judge that a process which has seen four failures in a row sends new mails elsewhere, for ten
    minutes.

    A message that was claimed and not handed over may have its provider since then, when it still
    worked.
    """
    records, providers = traces.records, traces.world.providers
    first = providers[0]
    message_of = {row.new: row.who for row in records.of("message", "key")}
    claims = Counter(row.who for row in records.of("claim"))
    tries = Counter(message_of.get(one.key) for provider in providers for one in provider.tries)
    for new in (one for one in first.tries if one.is_new):
        message = message_of.get(new.key)
        if claims[message] > tries[message]:
            continue
        before = [
            one for one in first.tries if one.process == new.process and one.works is not None
        ]
        noticed = [one.works for one in before if one.ended < new.began - _SEEN]
        later = [one.works for one in before if new.began - _SEEN <= one.ended <= new.began]
        last = max(
            (one.ended for one in before if one.works is False and one.ended <= new.began),
            default=0.0,
        )
        if (
            len(noticed) >= 4
            and not any(noticed[-4:])
            and not any(later)
            and new.began - last < _PAUSE - _SEEN
        ):
            yield (
                f"{new.process} handed a new mail to {first.name}, which had failed four "
                "times and more"
            )


_PROMISES: Sequence[tuple[str, Judge]] = (
    ("no link works twice", _no_link_works_twice),
    ("nothing that ended comes back", _nothing_ended_comes_back),
    (
        "a new password ends all access",
        lambda traces: a_change_ends_all_access(traces.records, traces.calls),
    ),
    ("every accepted request has one outcome", _every_request_has_one_outcome),
    ("an accepted request becomes a mail", _a_link_is_mailed),
    ("one mail a message", _one_mail_a_message),
    ("one confirmation a change", _one_confirmation_a_change),
    ("links are what mails say", _links_are_what_mails_say),
    ("an answer is true", _success_is_true),
    ("answers tell nothing about accounts", _answers_tell_nothing),
    ("limits hold", _limits_hold),
    ("no error is unexplained", _nothing_is_unexplained),
    ("accounts elsewhere", _of_another_system),
    ("limits hold", _mailboxes_rest),
    ("a provider that fails is spared", _a_failing_provider_is_spared),
    ("one worker at a time has a mail", _one_worker_at_a_time),
)
