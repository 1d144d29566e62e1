"""Drives the real service and the model through the same steps, in any order, and compares every answer and mail."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.spec.service import problem
from tests.state_machines.model import Model
from tests.state_machines.things import Account, Mail, Request, Session
from tests.state_machines.world import World, tokens_in

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PASSWORDS = "seven quiet harbours", "eleven loud lighthouses", "nineteen patient herons"
NAMES = "ada", "bo", "cy", "di"

names = st.sampled_from(["ada", "ada", "ada", "bo", "bo", "cy", "di"])
twice = st.sampled_from([1, 2])
rarely = st.sampled_from([False, False, False, True])
recent = st.sampled_from([0, 0, 0, 1, 2, 3])
"""How many steps back, from the newest thing of a kind."""

_Thing = TypeVar("_Thing")


def some(kind: str) -> Callable[[Any], bool]:
    """Return the precondition that there are things of a kind."""
    return lambda machine: bool(getattr(machine.model, kind))


class Machine(RuleBasedStateMachine):
    """Users, an app, operators, a provider, a worker and time, who act in any order.

    Each run has addresses of its own, so that one service can answer for all of them.
    """

    world: ClassVar[World]
    runs: ClassVar[int] = 0

    @initialize()
    def begin(self) -> None:
        type(self).runs += 1
        clock = self.world.clock
        clock.move(timedelta(days=1) - timedelta(seconds=clock.moment.timestamp() % 86_400))  # the same steps of TOTP
        self.model = Model(clock.now())
        self.browsers: dict[int, httpx.AsyncClient] = {}
        self.usual: dict[str, tuple[Any, ...]] = {}
        self.digits: dict[str, str] = {}  # the newest code in each mailbox, whether it still works
        self.add("ada", 0)
        self.add("bo", 0)
        self.enrol(self.account(1))

    def email(self, name: str) -> str:
        return f"{name}@run{self.runs}.test"

    def pick(self, things: Sequence[_Thing], back: int) -> _Thing:
        return things[-1 - back % len(things)]

    def account(self, back: int) -> Account:
        return self.pick(self.model.accounts, back)

    def require_usual(self, kind: str, answer: httpx.Response) -> None:
        """Fail if an answer tells one address from another."""
        told = {name: text for name, text in answer.headers.items() if name not in {"x-request-id", "date"}}
        seen = answer.status_code, told, answer.text
        assert self.usual.setdefault(kind, seen) == seen

    # The app

    @rule(action=st.sampled_from(["move", "move", "move back", "disable", "enable", "enrol", "add"]), back=recent)
    def change_in_app(self, action: str, back: int) -> None:
        account = self.account(back)
        if action == "add":
            self.add(next(name for name in ("cy", "di", "") if not self.model.at(self.email(name))), back)
        elif action.startswith("move"):
            self.move(account, "ada" if action == "move back" else "di")
        elif action == "enrol":
            self.enrol(account)
        elif account.enabled == (action == "disable"):
            account.enabled = not account.enabled
            self.world.enable(account.email, active=account.enabled)

    def add(self, name: str, kind: int) -> None:
        """Add an account with a password, with none yet, or of an identity provider."""
        if name and not self.model.at(self.email(name)):
            password, provider = [(PASSWORDS[0], ""), (None, ""), (None, "Google")][kind % 3]
            self.world.add(self.email(name), password, provider)
            self.model.accounts.insert(0, Account(self.email(name), password, provider))

    def move(self, account: Account, name: str) -> None:
        if self.model.at(self.email(name)) is None:
            self.world.move(account.email, self.email(name))
            account.email = self.email(name)

    def enrol(self, account: Account) -> None:
        if account.password:
            self.world.enrol(account.email)
            account.has_second_step = True

    # Users

    @rule(name=names)
    def ask(self, name: str) -> None:
        self.require_mail_about_press()
        self.require_usual("ask", self.world.ask(self.email(name)))
        self.model.requests.append(Request("reset_request", self.email(name)))

    @rule(name=names)
    def ask_and_wait(self, name: str) -> None:
        self.ask(name)
        self.deliver()
        self.pass_time(timedelta(seconds=61))

    @precondition(some("links"))
    @rule(back=recent, is_current=rarely, code=st.sampled_from(["right", "right", "", "wrong"]), times=twice)
    def reset(self, back: int, is_current: bool, code: str, times: int) -> None:
        link = self.pick(self.model.links, back)
        self.require_confirmed(link.account)
        assert self.world.check(link.token) == link.fault(self.model.now)
        times = 1 if code == "wrong" else times
        step, right = self.world.totp()
        typed = {"right": (step, right), "": (None, None), "wrong": (-1, self.world.wrong_totp())}[code]
        password = self.password_for(link.account, is_current=is_current)
        answers = self.world.reset(link.token, password, typed[1], times=times)
        self.require_one_winner(answers, self.model.reset(link, password, typed[0]))

    def password_for(self, account: Account, *, is_current: bool) -> str:
        if is_current and account.password:
            return account.password
        return next(one for one in PASSWORDS if one != account.password)

    @rule(name=names)
    def ask_reset_and_read(self, name: str) -> None:
        """Do all that a user does who has forgotten a password."""
        before = len(self.model.links)
        self.ask_and_wait(name)
        if len(self.model.links) > before:
            self.reset(0, is_current=False, code="right", times=1)
            self.deliver()

    def require_one_winner(self, answers: Sequence[str], expected: str) -> None:
        """Of two calls at once at most one succeeds, and only if one alone would."""
        successes = [answer for answer in answers if answer.startswith("2")]
        assert successes == ([expected] if expected.startswith("2") else [])
        if not successes:
            assert set(answers) == {expected}

    @precondition(some("links"))
    @rule(back=recent, times=twice)
    def replace(self, back: int, times: int) -> None:
        self.require_mail_about_press()
        link = self.pick(self.model.links, back)
        answers = self.world.replace(link.token, times=times)
        assert answers == sorted(self.model.replace(link) for _ in range(times))

    @rule(name=names)
    def guess(self, name: str) -> None:
        """Try more wrong codes than are allowed, and then the right one."""
        self.exchange(name, is_wrong=True, times=6)
        self.exchange(name, is_wrong=False, times=1)

    @rule(name=names, is_wrong=rarely, times=twice)
    def exchange(self, name: str, is_wrong: bool, times: int) -> None:
        email, code = self.email(name), self.model.codes.get(self.email(name))
        digits = "00000000" if is_wrong else self.digits.get(email, "00000000")
        account = code.account if code else None
        answers, token = self.world.exchange(email, digits, times=times)
        assert answers == sorted(self.model.exchange(email, digits) for _ in range(times))
        if token:
            assert account
            self.model.mint(account, timedelta(minutes=30)).token = token

    @precondition(some("buttons"))
    @rule(back=recent, times=twice)
    def press(self, back: int, times: int) -> None:
        self.deliver()
        button = self.pick(self.model.buttons, back)
        self.require_one_winner_or_refusals(self.world.press(button.token, times=times), self.model.press(button))

    @precondition(some("mutings"))
    @rule(back=recent, times=twice)
    def mute(self, back: int, times: int) -> None:
        muting = self.pick(self.model.mutings, back)
        self.require_one_winner_or_refusals(self.world.mute(muting.token, times=times), self.model.mute(muting))

    def require_one_winner_or_refusals(self, answers: Sequence[str], expected: str) -> None:
        assert answers == sorted([expected, *["400 security-link-dead"] * (len(answers) - 1)])

    @rule(name=names, is_wrong=rarely)
    def sign_in(self, name: str, is_wrong: bool) -> None:
        account = self.model.at(self.email(name))
        password = account.password if account and account.password and not is_wrong else "not the password"
        answer, browser = self.world.sign_in(self.email(name), password)
        assert problem(answer) == self.model.sign_in(self.email(name), password)
        if answer.is_success:
            self.browsers[len(self.model.sessions) - 1] = browser
        else:
            self.require_usual("sign_in", answer)

    @precondition(some("sessions"))
    @rule(back=recent, is_wrong=rarely, is_current=rarely)
    def change(self, back: int, is_wrong: bool, is_current: bool) -> None:
        session = self.pick(self.model.sessions, back)
        self.require_confirmed(session.account)
        current = "not the password" if is_wrong else session.account.password or ""
        password = self.password_for(session.account, is_current=is_current)
        answer = self.world.change(self.browser_of(session), current, password)
        assert answer == self.model.change(session, current, password)

    def browser_of(self, session: Session) -> httpx.AsyncClient:
        return self.browsers[self.model.sessions.index(session)]

    # Operators and the provider

    @rule(action=st.sampled_from(["invite", "reset", "reset", "unlock", "release"]), name=names)
    def operate(self, action: str, name: str) -> None:
        self.require_mail_about_press()
        email = self.email(name)
        if action == "invite":
            self.require_usual("ask", self.world.invite(email))
            self.model.requests.append(Request("invitation", email))
        elif action == "reset":
            outcome = self.world.reset_by_operator(email)
            assert outcome == self.model.operators_outcome(email)
            self.model.requests += [Request("operator_reset", email)] if outcome == "asked" else []
        elif action == "unlock":
            assert self.world.unlock(email) == self.model.unlock(email)
        else:
            self.world.release(email)
            self.model.mailboxes.pop(email, None)

    @rule(name=names, event=st.sampled_from(["delivered", "delivered", "bounced", "complained"]), times=twice)
    def report(self, name: str, event: str, times: int) -> None:
        email = self.email(name)
        if any(mail.to == email for mail in self.world.service.inbox.mails):
            self.world.report(event, email, times=times)
            if event != "delivered":
                self.model.report(email)

    # The worker, and time

    @rule()
    def deliver(self) -> None:
        mails, expected = self.world.deliver(), self.model.deliver()
        assert sorted((mail.tags["template"], mail.to) for mail in mails) == sorted(
            (mail.template, mail.to) for mail in expected
        )
        for mail in expected:
            self.note(mail, [one for one in mails if (one.tags["template"], one.to) == (mail.template, mail.to)])

    def note(self, mail: Mail, arrived: Sequence[Any]) -> None:
        """Read the tokens of the mail that must carry them."""
        tokens = [tokens_in(one) for one in arrived]
        carried = {"reset-password": mail.link, "stop-emails": mail.muting, "secure-your-account": mail.button}
        names = {name for name, thing in carried.items() if thing} | ({"code"} if mail.code else set())
        (read,) = [one for one in tokens if set(one) == names]
        for name, thing in carried.items():
            if thing:
                thing.token = read[name]
        if mail.code:
            mail.code.digits = self.digits[mail.to] = read["code"]

    def require_mail_about_press(self) -> None:
        """Let the worker answer a press before a request: it does both at once, in no order that is promised."""
        if self.model.presses:
            self.deliver()

    def require_confirmed(self, account: Account) -> None:
        """Let the worker confirm a change before the next: the two mails look the same."""
        if any(changed is account for changed, *_ in self.model.changes):
            self.deliver()

    @rule(by=st.sampled_from([MINUTE, 11 * MINUTE, 31 * MINUTE, 13 * HOUR, 25 * HOUR, 8 * DAY]))
    def wait(self, by: timedelta) -> None:
        self.pass_time(by)
        if by >= DAY:
            self.world.purge()
            self.model.purge()

    @invariant()
    def a_second_passes(self) -> None:
        if hasattr(self, "model"):
            self.pass_time(timedelta(seconds=1))

    def pass_time(self, by: timedelta) -> None:
        self.world.clock.move(by)
        self.model.now = self.world.clock.now()

    def teardown(self) -> None:
        """Compare all that is left: each link, each session, and the one outcome of each request."""
        if not hasattr(self, "model"):
            return
        self.deliver()
        assert self.world.waiting() == 0
        for link in self.model.links:
            assert self.world.check(link.token) == link.fault(self.model.now)
        for session in self.model.sessions:
            assert self.world.is_signed_in(self.browser_of(session)) == session.is_open(self.model.now)
        events = {"reset_request", "invitation", "operator_reset", "account_recovery", "confirmation"}
        trail = self.world.trail({self.email(name) for name in NAMES}, events)
        assert Counter(trail) == Counter(self.model.trail)
