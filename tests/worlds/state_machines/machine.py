"""Drives the real service and the model through the same steps, in any order, and compares every
answer and mail.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

import httpx2
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.driver.second_factors import code_of, enrol
from tests.driver.service import (
    INVITE,
    ME,
    REPLACE,
    REQUEST,
    RESET,
    SECURE,
    VERIFY,
    change,
    problem,
)
from tests.worlds.state_machines.model import Model
from tests.worlds.state_machines.things import ANSWERS, KEPT_FOR, LINKS, Account, Key, Mail, Message
from tests.worlds.state_machines.world import World, tokens_in

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PASSWORDS = "seven quiet harbours", "eleven loud lighthouses", "nineteen patient herons"
NAMES = "ada", "bo", "cy", "di"
ALONE = {"ada": "ada", "bo": "ada", "cy": "di", "di": "di"}

names = st.sampled_from(["ada", "ada", "ada", "bo", "bo", "cy", "di"])
twice = st.sampled_from([1, 2])
choices = st.sampled_from(["new", "new", "new", "new", "current", "short"])
rarely = st.sampled_from([False, False, False, True])
recent = st.sampled_from([0, 0, 0, 1, 2, 3])
"""How many steps back, from the newest thing of a kind."""

OUTCOMES = {
    "reset_request",
    "invitation",
    "operator_reset",
    "account_recovery",
    "confirmation",
    "operator_link",
}
DEEDS = {"changed", "secured", "unlocked"}
"""Events of the audit trail of which each outcome is compared, and outcomes of all others.

The rest are refusals.
"""

SAME = {"cooldown": "rests", "daily_limit": "rests"}
"""Outcomes that the model does not tell apart."""

BUTTON = {True: "200", False: "400 security-link-dead"}
CODE = {True: "200", False: "400 code-refused"}
SIGN_IN = {
    "": "200",
    "wrong": "401 credentials-rejected",
    "code is missing": "401 second-step-required",
}

PAGES = dict.fromkeys(LINKS, "reset-password") | {"code": "code", "button": "secure-your-account"}
"""Where the mails' keys of each kind lead to."""

_Thing = TypeVar("_Thing")


def some(*kinds: str) -> Callable[[Any], bool]:
    """Return the precondition that there are keys of these kinds."""
    return lambda machine: bool(machine.model.held(*kinds))


class Machine(RuleBasedStateMachine):
    """Users, an app, operators, a provider, a worker and time, who act in any order; each run has
    its own addresses.
    """

    world: ClassVar[World]
    runs: ClassVar[int] = 0

    @initialize(is_alone=st.booleans(), is_enrolled=st.booleans())
    def begin(self, is_alone: bool, is_enrolled: bool) -> None:
        """Begin with two accounts, or with one, to which more happens: `ALONE` says which address
        stands for which.
        """
        type(self).runs += 1
        begun = timedelta(seconds=self.world.now().timestamp() % 86_400)
        self.world.let_time_pass(DAY - begun)  # the same steps of TOTP
        self.model = Model(self.world.now())
        self.browsers: dict[Key, httpx2.AsyncClient] = {}
        self.usual: dict[str, tuple[Any, ...]] = {}
        self.is_alone = is_alone
        self.add("ada", 0)
        self.add("bo", 0)
        if is_enrolled:
            self.enrol(self.account(1))

    def email(self, name: str) -> str:
        return f"{ALONE[name] if self.is_alone else name}@run{self.runs}.test"

    def pick(self, things: Sequence[_Thing], back: int) -> _Thing:
        return things[-1 - back % len(things)]

    def account(self, back: int) -> Account:
        return self.pick(self.model.accounts, back)

    def require_usual(self, kind: str, answer: httpx2.Response) -> None:
        """Fail if an answer tells one address from another."""
        told = {
            name: text
            for name, text in answer.headers.items()
            if name not in {"x-request-id", "date"}
        }
        seen = answer.status_code, told, answer.text
        assert self.usual.setdefault(kind, seen) == seen

    # The app

    @rule(
        action=st.sampled_from(["move", "move", "move back", "disable", "enable", "enrol", "add"]),
        back=recent,
    )
    def change_in_app(self, action: str, back: int) -> None:
        account = self.account(back)
        if action == "add":
            self.add("cy" if self.model.at(self.email("di")) else "di", back)
        elif action.startswith("move"):
            self.move(account, "ada" if action == "move back" else "di")
        elif action == "enrol":
            self.enrol(account)
        elif account.enabled == (action == "disable"):
            account.enabled = not account.enabled
            self.world.change_account(account.email, active=account.enabled)
            self.check_newest(account, *LINKS)

    def add(self, name: str, kind: int) -> None:
        """Add an account with a password, with none yet, or of an identity provider."""
        if not self.model.at(self.email(name)):
            password, provider = [(PASSWORDS[0], ""), (None, ""), (None, "Google")][kind % 3]
            self.world.add(self.email(name), password, provider)
            self.model.accounts.insert(0, Account(self.email(name), password, provider))

    def move(self, account: Account, name: str) -> None:
        if self.model.at(self.email(name)) is None:
            self.world.change_account(account.email, email=self.email(name))
            account.email = self.email(name)
            self.check_newest(account, *LINKS)

    def enrol(self, account: Account) -> None:
        if account.password:
            self.world.run(enrol(self.world.service, account.email))
            account.enrolled_at = account.enrolled_at or self.model.now

    # Users

    def check(self, *keys: Key) -> None:
        for key in keys:
            fault, hint = key.fault(self.model.now), key.hint(self.model.now)
            if key.kind == "session":
                assert (self.world.run(self.browsers[key].get(ME)).status_code == 200) == (
                    not fault
                )
            elif self.is_old(key):
                assert self.world.check(key.token)[0]
            else:
                assert self.world.check(key.token) == (fault, hint)

    def is_old(self, key: Key) -> bool:
        """Tell whether the service may have forgotten the key, and why it ended."""
        return key.ends < self.model.now - KEPT_FOR

    def check_newest(self, account: Account, *kinds: str) -> None:
        self.check(*self.model.held(*kinds, account=account)[-2:])

    @rule(name=names)
    def ask(self, name: str) -> None:
        self.require_mail_about_press()
        self.require_usual("ask", self.world.post(REQUEST, email=self.email(name)))
        self.model.waiting.append(Message("reset_request", self.email(name)))

    @rule(name=names, times=st.sampled_from([1, 1, 3]))
    def ask_and_wait(self, name: str, times: int = 1) -> None:
        for _ in range(times):
            self.ask(name)
            self.deliver()
            self.pass_time(timedelta(seconds=61))

    @precondition(some(*LINKS))
    @rule(
        back=recent,
        choice=choices,
        code=st.sampled_from(["right", "right", "", "wrong"]),
        times=twice,
    )
    def reset(self, back: int, choice: str, code: str, times: int) -> None:
        link = self.pick(self.model.held(*LINKS), back)
        self.require_confirmed(link.account)
        self.check(link)
        times = 1 if code == "wrong" else times
        number = int(self.world.now().timestamp()) // 30
        step, typed = {
            "right": (number, code_of()),
            "": (None, ""),
            "wrong": (-1, code_of(later=-DAY)),
        }[code]
        password = self.password_for(link.account, choice)
        answered = {"secondStep": {"method": "totp", "code": typed}} if typed else {}
        answers = self.world.at_once(
            RESET, times, token=link.token, newPassword=password, **answered
        )
        self.require_one_winner(
            [*map(problem, answers)], ANSWERS[self.model.reset(link, password, step)]
        )
        self.check_newest(link.account, "session")

    def password_for(self, account: Account, choice: str) -> str:
        if choice == "short":
            return "too short"
        if choice == "current" and account.password:
            return account.password
        return next(one for one in PASSWORDS if one != account.password)

    @rule(
        name=names,
        also=st.sampled_from(["", "sign in before", "use the code after", "reset again"]),
    )
    def ask_reset_and_read(self, name: str, also: str = "") -> None:
        """Do all that a user does who has forgotten a password."""
        if also == "sign in before":
            self.sign_in(name, is_wrong=False)
        before = self.model.held(*LINKS)
        self.ask(name)
        self.deliver()
        if len(self.model.held(*LINKS)) > len(before):
            self.reset(0, choice="new", code="right", times=1)
            self.deliver()
        if also == "use the code after":
            self.exchange(name, is_wrong=False, times=1)
        if also == "reset again":
            self.ask_reset_and_read(name)

    @rule(
        back=recent, before=st.booleans(), after=st.booleans(), presses=st.sampled_from([0, 1, 2])
    )
    def move_and_ask(self, back: int, before: bool, after: bool, presses: int) -> None:
        """Give an account another address, perhaps after a reset, and ask; mailboxes may press
        their newest buttons.
        """
        account = self.account(back)
        left = account.email
        if before:
            self.ask_reset_and_read(self.name_of(account))
            self.pass_time(timedelta(seconds=31))
        self.move(account, "di" if account.email == self.email("ada") else "ada")
        (self.ask_reset_and_read if after else self.ask_and_wait)(self.name_of(account))
        for mailbox in (left, account.email)[:presses]:
            buttons = [button for button in self.model.held("button") if button.mailbox == mailbox]
            self.press_button(*buttons[-1:])

    def name_of(self, account: Account) -> str:
        return account.email.partition("@")[0]

    @rule(name=names)
    def read_too_late(self, name: str) -> None:
        """Ask for a link, find it expired, and ask for another with it, twice."""
        self.ask_and_wait(name)
        self.pass_time(31 * MINUTE)
        if self.model.held(*LINKS):
            self.replace(0, times=2)

    def require_one_winner(self, answers: Sequence[str], expected: str) -> None:
        """Of two calls at once at most one succeeds, and only if one alone would."""
        successes = [answer for answer in answers if answer.startswith("2")]
        assert successes == ([expected] if expected.startswith("2") else [])
        if not successes:
            assert set(answers) == {expected}

    @precondition(some(*LINKS))
    @rule(back=recent, times=twice)
    def replace(self, back: int, times: int) -> None:
        self.require_mail_about_press()
        link = self.pick(self.model.held(*LINKS), back)
        if not self.is_old(link):
            answers = self.world.at_once(REPLACE, times, token=link.token)
            reasons = [self.model.replace(link) for _ in range(times)]
            assert [*map(problem, answers)] == sorted(
                "202" if not reason else ANSWERS[reason] for reason in reasons
            )

    @rule(name=names)
    def guess(self, name: str) -> None:
        self.ask_and_wait(name)
        self.exchange(name, is_wrong=True, times=6)
        self.exchange(name, is_wrong=False, times=1)

    @rule(name=names, is_wrong=rarely, times=twice)
    def exchange(self, name: str, is_wrong: bool, times: int) -> None:
        """Exchange the newest code in a mailbox, whether it still works."""
        email = self.email(name)
        codes = [code.token for code in self.model.held("code", mailbox=email)]
        digits = "00000000" if is_wrong or not codes else codes[-1]
        answers = self.world.at_once(VERIFY, times, email=email, code=digits)
        assert [*map(problem, answers)] == sorted(
            CODE[self.model.exchange(email, digits)] for _ in range(times)
        )
        if answers[0].is_success:
            self.model.keys[-1].token = answers[0].json()["token"]

    @precondition(some("button"))
    @rule(back=recent, times=twice)
    def press(self, back: int, times: int) -> None:
        self.press_button(self.pick(self.model.held("button"), back), times=times)

    @precondition(some("button", *LINKS))
    @rule(back=recent)
    def use_for_something_else(self, back: int) -> None:
        """Take a button for a link that sets a password, or the other way round."""
        key = self.pick(self.model.held("button", *LINKS), back)
        if key.kind == "button":
            assert self.world.check(key.token)[0] == "invalid"
            assert (
                problem(self.world.post(RESET, token=key.token, newPassword=PASSWORDS[0]))
                == "400 link-dead"
            )
        else:
            assert problem(self.world.post(SECURE, token=key.token)) == BUTTON[False]
            self.check(key)

    def press_button(self, *buttons: Key, times: int = 1) -> None:
        self.deliver()
        for button in buttons:
            answers = [
                problem(answer) for answer in self.world.at_once(SECURE, times, token=button.token)
            ]
            assert answers == sorted(
                [BUTTON[self.model.press(button)], *[BUTTON[False]] * (times - 1)]
            )
            self.check_newest(button.account, *LINKS)

    @rule(name=names, is_wrong=rarely)
    def sign_in(self, name: str, is_wrong: bool) -> None:
        account = self.model.at(self.email(name))
        password = (
            account.password
            if account and account.password and not is_wrong
            else "not the password"
        )
        answer, browser = self.world.sign_in(self.email(name), password)
        assert problem(answer) == SIGN_IN[self.model.sign_in(self.email(name), password)]
        if answer.is_success:
            self.browsers[self.model.keys[-1]] = browser
        elif problem(answer) != SIGN_IN["code is missing"]:
            self.require_usual("sign_in", answer)

    @precondition(some("session"))
    @rule(back=recent, is_wrong=rarely, choice=choices)
    def change(self, back: int, is_wrong: bool, choice: str) -> None:
        session = self.pick(self.model.held("session"), back)
        self.require_confirmed(session.account)
        current = "not the password" if is_wrong else session.account.password or ""
        password = self.password_for(session.account, choice)
        answer = self.world.run(change(self.browsers[session], password, current))
        assert answer == ANSWERS[self.model.change(session, current, password)]

    # Operators and the provider

    @rule(
        action=st.sampled_from(["invite", "reset", "reset", "unlock", "release", "print", "print"]),
        name=names,
    )
    def operate(self, action: str, name: str) -> None:
        self.require_mail_about_press()
        email = self.email(name)
        if action == "invite":
            self.require_usual("ask", self.world.post(INVITE, email=email))
            self.model.waiting.append(Message("invitation", email))
        elif action == "reset":
            self.world.run(self.world.operator.reset_unseen(email))
            self.model.waiting.append(Message("operator_reset", email))
        elif action == "unlock":
            assert self.world.attempt(self.world.operator.unlock(email)) == self.model.unlock(email)
        elif action == "print":
            if account := self.model.at(email):
                self.require_confirmed(account)
            printed = self.world.attempt(self.world.operator.print_link(email, "lost the mailbox"))
            link = self.model.print_link(self.model.at(email))
            assert bool(printed) == (link is not None)
            if link:
                link.token = printed.rpartition("/")[2]
        else:
            self.world.run(self.world.operator.release_mailbox(email))
            self.model.release(email)

    @rule(
        name=names,
        event=st.sampled_from(["delivered", "delivered", "bounced", "complained"]),
        times=twice,
    )
    def report(self, name: str, event: str, times: int) -> None:
        email = self.email(name)
        if self.world.service.inbox.sent_to(email):
            self.world.report(event, email, times=times)
            if event != "delivered":
                self.model.report(email)

    # The worker, and time

    @rule()
    def deliver(self) -> None:
        self.pass_time(timedelta(seconds=1))
        mails, expected = self.world.deliver(), self.model.deliver()
        self.model.now = self.world.now()
        assert sorted((mail.tags["template"], mail.to) for mail in mails) == sorted(
            (mail.template, mail.to) for mail in expected
        )
        for mail in expected:
            self.note(
                mail,
                [
                    one
                    for one in mails
                    if (one.tags["template"], one.to) == (mail.template, mail.to)
                ],
            )

    def note(self, mail: Mail, arrived: Sequence[Any]) -> None:
        """Read the tokens of the mail that must carry them."""
        carried = {PAGES[key.kind]: key for key in mail.keys}
        found = [tokens_in(one) for one in arrived]
        (read,) = [tokens for tokens in found if set(tokens) == set(carried)]
        for page, key in carried.items():
            key.token = read[page]

    def require_mail_about_press(self) -> None:
        """Let the worker answer a press before a request: it does both at once, in no order that is
        promised.
        """
        if any(message.event == "press" for message in self.model.waiting):
            self.deliver()

    def require_confirmed(self, account: Account) -> None:
        """Let the worker tell of a change before the next: the two mails look the same."""
        if any(message.account is account for message in self.model.waiting):
            self.deliver()

    @rule(by=st.sampled_from([MINUTE, 11 * MINUTE, 31 * MINUTE, 13 * HOUR, 25 * HOUR, 8 * DAY]))
    def wait(self, by: timedelta) -> None:
        self.pass_time(by)
        if by >= DAY:
            self.world.run(self.world.service.purge())

    @invariant()
    def a_second_passes(self) -> None:
        if hasattr(self, "model"):
            self.pass_time(timedelta(seconds=1))

    def pass_time(self, by: timedelta) -> None:
        self.world.let_time_pass(by)
        self.model.now = self.world.now()

    def teardown(self) -> None:
        """Compare all that is left: links, sessions, codes, buttons, and what the audit trail says
        of everything.
        """
        if not hasattr(self, "model"):
            return
        self.deliver()
        assert not [
            one for one in self.world.run(self.world.service.messages()) if one.state == "waiting"
        ]
        self.check(*self.model.held(*LINKS, "session"))
        for name in NAMES:
            self.exchange(name, is_wrong=False, times=1)
        self.press_button(*self.model.held("button"))
        self.deliver()
        trail = self.world.trail({self.email(name) for name in NAMES})
        due = [(event, SAME.get(outcome, outcome), email) for event, outcome, email in trail]
        assert Counter(one for one in due if one[0] in OUTCOMES or one[1] in DEEDS) == Counter(
            self.model.trail
        )
