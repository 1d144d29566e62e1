"""What Keyturn promises about accounts, links, codes and mails, in whatever order users, operators
and time act.

The model is a specification that runs. It knows no database, no HTTP and no worker, and decides
each outcome and each mail from docs/security.md and docs/operating.md. `machine.py` does the same
with the real service and compares.

It leaves out how secrets are made and stored, pages, user names, the time and the work of an
answer, limits of clients and of all, leaked passwords and all rules but two (a least length, and
for a signed-in user a password that differs), challenges, recovery codes, codes by SMS, factors
that cannot be checked, the most wrong codes of a mailbox in a row and of an account in a day, the
settings without a lock, what the app is told, and accounts in another system. Of provider's reports
it knows what they lead to: a mailbox that bounced or complained gets no mail for a while.

It forgets nothing, while the service forgets links and buttons a week after their end. Providers,
databases and processes that fail are the subject of tests/worlds/simulation and
tests/worlds/reliability.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from tests.worlds.state_machines import things
from tests.worlds.state_machines.things import KINDS, Account, Key, Mail, Mailbox, Message


@dataclass
class Model:
    """The state of everything, and the outcome of each call.

    `trail`: entries of the audit trail that are due.
    """

    now: datetime
    accounts: list[Account] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)
    waiting: list[Message] = field(default_factory=list)
    trail: list[tuple[str, str, str]] = field(default_factory=list)

    def at(self, email: str) -> Account | None:
        return next((account for account in self.accounts if account.email == email), None)

    def mailbox(self, email: str) -> Mailbox:
        return self.mailboxes.setdefault(email, Mailbox())

    def held(self, *kinds: str, account: Account | None = None, mailbox: str = "") -> list[Key]:
        """Return all keys of these kinds, dead ones too, in the order in which they were issued."""
        keys = [key for key in self.keys if key.kind in kinds and account in {None, key.account}]
        return [key for key in keys if mailbox in {"", key.mailbox}]

    def issue(self, kind: str, account: Account, mailbox: str) -> Key:
        """Return a new key. It ends no other."""
        self.keys.append(Key(kind, account, mailbox, self.now + KINDS[kind].life))
        return self.keys[-1]

    def _end(self, event: str, account: Account, mailbox: str = "") -> None:
        """End what such an event ends; with a mailbox, only what went there, and sessions."""
        for key in self.held(*KINDS, account=account):
            if event in KINDS[key.kind].ended_by and (not mailbox or key.mailbox in {"", mailbox}):
                key.end(self.now)

    # A request: one outcome, which only the audit trail shows. The answer never depends on the
    # account.

    def outcome(self, request: Message) -> str:
        """Return which mail a request gets, or why it gets none."""
        account = self.at(request.mailbox)
        if account is None:
            return "no_account"
        if account.state == "disabled" or (
            account.state == "locked" and not self.has_pressed(account)
        ):
            return "disabled"
        if request.event == "invitation" and not account.awaits_password:
            return "needs_no_invitation"
        mailed = "provider_mailed" if account.provider else "link_mailed"
        return self.mailbox(request.mailbox).refusal(self.now) or mailed

    def has_pressed(self, account: Account) -> bool:
        """Tell whether the account is at a mailbox that has pressed: no other may open it once it
        is locked.
        """
        return any(
            button.over == "used"
            for button in self.held("button", account=account, mailbox=account.email)
        )

    # The worker: whatever waits becomes its mails, once.

    def deliver(self) -> list[Mail]:
        mails = [mail for message in self.waiting for mail in self._answer(message)]
        self.waiting.clear()
        return mails

    def _answer(self, message: Message) -> Iterable[Mail]:
        if message.event == "press":
            return self._answer_press(message)
        if message.event == "change":
            return self._confirm(message, "password_changed")
        if message.event == "help":
            return self._confirm(message, "help_requested")
        if message.event == "warning":
            return self._notify("second_step_failed", message.mailbox)
        outcome = self.outcome(message)
        self.trail.append((message.event, outcome, message.mailbox))
        return [self._answer_request(message)] if outcome.endswith("mailed") else []

    def _answer_request(self, request: Message) -> Mail:
        account = self.at(request.mailbox)
        assert account
        self.mailbox(request.mailbox).count(self.now)
        link = "link" if request.event == "reset_request" else "operator's link"
        if account.provider:
            return self._mail("sign_in_with_provider", account)
        if account.state == "locked":
            return self._mail("password_reset", account, "recovery link")
        if account.awaits_password:
            return self._mail("invitation", account, link)
        others = ("code",) if request.event == "reset_request" else ()
        return self._mail("password_reset", account, link, *others)

    def _mail(self, template: str, account: Account, *kinds: str) -> Mail:
        return Mail(
            template, account.email, [self.issue(kind, account, account.email) for kind in kinds]
        )

    def _notify(self, template: str, *mailboxes: str) -> list[Mail]:
        """Send notices.

        Cooldown and count stop none of them; mailboxes that bounced only learn of operators' links.
        """
        suppressed = [to for to in mailboxes if self.mailbox(to).is_suppressed(self.now)]
        if template == "help_requested":
            suppressed = []
        self.trail += [("confirmation", "suppressed", to) for to in suppressed]
        return [Mail(template, to) for to in mailboxes if to not in suppressed]

    def _confirm(self, change: Message, template: str) -> Iterable[Mail]:
        """Tell of a change at the address at that time, with a button, and at a
        newer one, without.
        """
        assert change.account
        for mailbox in dict.fromkeys([change.mailbox, change.account.email]):
            notices = self._notify(template, mailbox)
            has_button = mailbox == change.mailbox and not change.is_outlived
            for notice in notices if has_button else ():
                notice.keys.append(self.issue("button", change.account, mailbox))
            yield from notices

    def _answer_press(self, press: Message) -> Iterable[Mail]:
        """Lock the account, and mail a link to the mailbox that pressed.

        If the account has moved, only tell both.
        """
        account, outcome, refusal = (
            press.account,
            "link_mailed",
            self.mailbox(press.mailbox).refusal(self.now),
        )
        assert account
        if not account.enabled:
            outcome = "disabled"
        elif account.email != press.mailbox:
            outcome = "address_changed"
            yield from self._notify("address_disputed", press.mailbox, account.email)
        else:
            account.secured = True
            if account.is_recent(self.now):
                account.enrolled_at = None
            if refusal == "suppressed":
                outcome = refusal
            else:
                yield self._mail("password_reset", account, "recovery link")
        self.trail.append(("account_recovery", outcome, press.mailbox))

    # A link, a code or a session sets a password. A link and a code work once, and a change ends
    # everything else.

    def reset(self, link: Key, password: str, step: int | None) -> str:
        """`step`: that of the authenticator app's code; None without a code, -1
        with a wrong one.
        """
        account = link.account
        if link.fault(self.now):
            return "link is dead"
        if (
            len(password) < things.SHORTEST_PASSWORD
        ):  # before the code is looked at, so a bad password wastes none
            return "password is rejected"
        is_undone = link.kind == "recovery link" and account.is_recent(self.now)
        is_asked = bool(account.enrolled_at) and not is_undone
        if is_asked and step is None:
            return "code is missing"
        if is_asked and step is not None and step <= account.last_step:
            return self._refuse_step(link)
        if is_asked and step is not None:
            account.last_step, account.unnoticed_until = step, things.LONG_AGO
        link.over = "used"
        account.secured = False
        self.mailbox(
            account.email
        ).rests_until = things.LONG_AGO  # the owner has the mail, and need not await the next
        self.trail.append(("password_reset", "changed", account.email))
        self._change("reset", account, password, is_proven=is_asked)
        if is_undone:
            account.enrolled_at = None
        return ""

    def _refuse_step(self, link: Key) -> str:
        """Refuse a code.

        Each so many of a link, or of an account, end the link, and a mail tells its mailbox.
        """
        link.tries += 1
        is_noticed = link.account.count_wrong_step(self.now)
        if link.tries < things.MOST_STEPS and not is_noticed:
            return "code is wrong"
        link.over = "invalid"
        self.waiting.append(Message("warning", link.mailbox))
        return "link is dead"

    def change(self, session: Key, current: str, password: str) -> str:
        """Change the password. Of all sessions, only this one goes on, as a new one."""
        if session.fault(self.now):
            return "signed out"
        if current != session.account.password:
            return "current password is wrong"
        if current == password or len(password) < things.SHORTEST_PASSWORD:
            return "password is rejected"
        self.trail.append(("password_change", "changed", session.account.email))
        self._change("change", session.account, password, is_proven=True)
        session.over, session.ends = "", self.now + KINDS["session"].life
        return ""

    def _change(self, event: str, account: Account, password: str, *, is_proven: bool) -> None:
        """`is_proven`: the change took more than a mailbox.

        The buttons in earlier mailboxes end.
        """
        account.password = password
        self._end(event, account)
        for button in self.held("button", account=account) if is_proven else ():
            if button.mailbox != account.email:
                button.end(self.now)
        for news in self.waiting if is_proven else ():
            news.is_outlived |= news.account is account and news.mailbox != account.email
        self.waiting.append(Message("change", account.email, account))

    def exchange(self, email: str, digits: str) -> bool:
        """Exchange a code for a link.

        Only the newest works, and every fault gets the same answer.
        """
        for code in self.held("code", mailbox=email)[-1:]:
            code.tries += 1
            if (
                code.tries <= things.MOST_TRIES
                and digits == code.token
                and not code.fault(self.now)
            ):
                code.over = "used"
                self.issue("link", code.account, email)
                return True
        return False

    def replace(self, link: Key) -> str:
        """Replace an expired link, once; a repeat gets the same answer and no mail."""
        fault = link.over or ("expired" if link.ends <= self.now else "")
        if fault != "expired":
            return "link is dead" if fault else "link works"
        if not link.is_replaced:
            self.waiting.append(Message("reset_request", link.mailbox))
        link.is_replaced = True
        return ""

    def sign_in(self, email: str, password: str) -> str:
        """Open an active account for its password, which alone tells of a second step.

        All else gets one answer.
        """
        account = self.at(email)
        if account is None or account.state != "active" or account.password != password:
            return "wrong"
        if account.enrolled_at:
            return "code is missing"
        self.issue("session", account, "")
        return ""

    # "This was not me", by the owner of a mailbox. It speaks for that mailbox alone.

    def press(self, button: Key) -> bool:
        """End what the mailbox got, and its buttons about no earlier changes.

        The worker does the rest.
        """
        if button.fault(self.now):
            return False
        self._end("press", button.account, button.mailbox)
        for other in self.held("button", account=button.account, mailbox=button.mailbox):
            if other.ends >= button.ends:
                other.end(self.now)
        for news in self.waiting:
            news.is_outlived |= news.account is button.account and news.mailbox == button.mailbox
        button.over = "used"
        self.trail.append(("account_secured", "secured", button.mailbox))
        self.waiting.append(Message("press", button.mailbox, button.account))
        return True

    # Operators and the provider.

    def print_link(self, account: Account | None) -> Key | None:
        """Give a link out, in place of earlier ones, whatever holds mails back from the mailbox."""
        if account is None or account.provider or account.state == "disabled":
            return None
        if account.state == "locked" and not self.has_pressed(account):
            return None
        self._end("print", account)
        self.trail.append(("operator_link", "link_issued", account.email))
        self.waiting.append(Message("help", account.email, account))
        return self.issue(
            "printed recovery link" if account.state == "locked" else "printed link",
            account,
            account.email,
        )

    def unlock(self, email: str) -> bool:
        account = self.at(email)
        if account is None or not account.secured:
            return False
        account.secured = False
        self.trail.append(("account_unlock", "unlocked", email))
        return True

    def release(self, email: str) -> None:
        self.mailboxes.pop(email, None)

    def report(self, email: str) -> None:
        """Send no mail for a while to a mailbox that bounced or complained."""
        self.mailbox(email).suppressed_until = self.now + things.SUPPRESSED_FOR
