"""What Keyturn promises about accounts, links, codes and mails, in whatever order users, operators and time act.

The model is a specification that runs. It knows no database, no HTTP and no worker, and decides each answer and each
mail from docs/security.md and docs/operating.md. `machine.py` does the same with the real service and compares.

The model leaves out, by the sections of docs/security.md:

* Links: how tokens are made and stored, links from `base_url` alone, what a page does with a token, GET and mail
  scanners, and accounts in another system.
* Whether an account exists: the time and the work of an answer, `limits.overall`, and a worker's batches. It compares
  whole answers to requests, invitations and refused sign-ins.
* Passwords: hashes and their queues, leaked passwords, a form's question whether a password would be accepted, and all
  rules but two: a least length, and not the current one.
* A challenge and a code: challenges, how codes are stored, and the most wrong codes of a mailbox in a row.
* A second step: recovery codes, codes by SMS, factors of other sources, factors that cannot be checked, and the most
  wrong codes of an account in a day.
* This was not me: the settings without a lock, the app's events, log lines, presses that are refused in the audit
  trail, a store that is down, and lanes.
* All of "At rest and in logs", "Reports from the mail provider", "What your app is told" and "Browsers", and the limits
  of clients. Of reports it knows what they lead to: a mailbox that bounced or complained gets no mail for a while.

Providers, databases and processes that fail are the subject of tests/simulation and tests/reliability.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from tests.state_machines.things import (
    DAY,
    FORGOTTEN_AFTER,
    KINDS,
    LINKS,
    MOST_STEPS,
    MOST_TRIES,
    MUTED_FOR,
    SHORTEST_PASSWORD,
    SUPPRESSED_FOR,
    Account,
    Key,
    Mail,
    Mailbox,
    Message,
)


@dataclass
class Model:
    """The state of everything, and the answer to each call. `trail`: entries of the audit trail that are due."""

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

    def held(self, *kinds: str, account: Account | None = None) -> list[Key]:
        """Return all keys of these kinds, dead ones too, in the order in which they were issued."""
        return [key for key in self.keys if key.kind in kinds and (not account or key.account is account)]

    def issue(self, kind: str, account: Account, mailbox: str) -> Key:
        """Return a new key. It ends no other."""
        self.keys.append(Key(kind, account, mailbox, self.now + KINDS[kind].life))
        return self.keys[-1]

    def _end(self, event: str, account: Account, mailbox: str = "") -> None:
        """End what such an event ends; with a mailbox, only what went there, and sessions."""
        for key in self.held(*KINDS, account=account):
            if event in KINDS[key.kind].ended_by and (not mailbox or key.mailbox in {"", mailbox}):
                key.end(self.now)

    # A request: one outcome, which only the audit trail shows. The answer never depends on the account.

    def outcome(self, request: Message) -> str:
        """Return which mail a request gets, or why it gets none."""
        account = self.at(request.mailbox)
        if account is None:
            return "no_account"
        if account.state == "disabled" or (account.state == "locked" and not self._may_recover(account)):
            return "disabled"
        if request.event == "invitation" and not account.awaits_password:
            return "needs_no_invitation"
        mailed = "provider_mailed" if account.provider else "link_mailed"
        return self.mailbox(request.mailbox).refusal(self.now) or mailed

    def operators_outcome(self, email: str) -> str:
        """Return what `keyturn accounts reset` says."""
        account, outcome = self.at(email), self.outcome(Message("operator_reset", email))
        if account and outcome == "disabled":
            return account.state
        if account and account.provider:
            return "signs_in_elsewhere"
        return "asked" if outcome == "link_mailed" else outcome

    def _may_recover(self, account: Account) -> bool:
        """Tell whether the account is at a mailbox whose press locked it: no other may open it."""
        buttons = self.held("button", account=account)
        return any(button.over == "used" and button.mailbox == account.email for button in buttons)

    # The worker: whatever waits becomes its mails, once.

    def deliver(self) -> list[Mail]:
        mails = [mail for message in self.waiting for mail in self._answer(message)]
        self.waiting.clear()
        return mails

    def _answer(self, message: Message) -> Iterable[Mail]:
        if message.event == "press":
            return self._answer_press(message)
        if message.event == "change":
            return self._confirm(message)
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
        if request.event == "operator_reset":
            return self._mail("password_reset", account, link)
        if self._is_suspected(account):  # a code's link would not know of it
            return self._mail("password_reset", account, link, "muting link")
        return self._mail("password_reset", account, link, "code", "muting link")

    def _is_suspected(self, account: Account) -> bool:
        """Tell whether its mailbox has pressed lately, and no link that knows of it has set a password since."""
        links = [link for link in self.held(*LINKS, account=account) if link.ends_suspicion and link.used_at]
        presses = [
            button.used_at
            for button in self.held("button", account=account)
            if button.over == "used" and button.mailbox == account.email and button.used_at
        ]
        return any(
            at > self.now - FORGOTTEN_AFTER and not any(link.used_at and link.used_at > at for link in links)
            for at in presses
        )

    def _mail(self, template: str, account: Account, *kinds: str) -> Mail:
        is_suspected, is_new = self._is_suspected(account), account.awaits_password
        keys = [self.issue(kind, account, account.email) for kind in kinds]
        for key in keys:
            knows = key.kind == "recovery link" or (key.kind == "operator's link" and not is_new)
            key.ends_suspicion = knows or is_suspected
        return Mail(template, account.email, keys)

    def _notify(self, template: str, *mailboxes: str) -> list[Mail]:
        """Send notices. Cooldown, count and muting stop none of them; only mailboxes that bounced get none."""
        return [Mail(template, to) for to in mailboxes if self.mailbox(to).refusal(self.now) != "suppressed"]

    def _confirm(self, change: Message) -> Iterable[Mail]:
        """Confirm a change to the address at that time, with a button, and to a newer one, without."""
        assert change.account
        for mailbox in dict.fromkeys([change.mailbox, change.account.email]):
            notices = self._notify("password_changed", mailbox)
            for notice in notices if mailbox == change.mailbox else ():
                notice.keys.append(self.issue("button", change.account, mailbox))
            self.trail += [] if notices else [("confirmation", "suppressed", mailbox)]
            yield from notices

    def _answer_press(self, press: Message) -> Iterable[Mail]:
        """Lock the account, and mail a link to the mailbox that pressed. If the account has moved, only tell both."""
        account, outcome = press.account, "link_mailed"
        assert account
        if not account.enabled:
            outcome = "disabled"
        elif account.email != press.mailbox:
            outcome = "address_changed"
            yield from self._notify("address_disputed", press.mailbox, account.email)
        else:
            account.secured = True
            if self.mailbox(press.mailbox).refusal(self.now) == "suppressed":
                outcome = "suppressed"
            else:
                yield self._mail("password_reset", account, "recovery link")
        self.trail.append(("account_recovery", outcome, press.mailbox))

    # A link, a code or a session sets a password. A link and a code work once, and a change ends everything else.

    def reset(self, link: Key, password: str, step: int | None) -> str:
        """`step`: that of the authenticator app's code; None without a code, -1 with a wrong one."""
        account = link.account
        if link.fault(self.now):
            return "400 link-dead"
        if len(password) < SHORTEST_PASSWORD:  # before the code is looked at, so a bad password wastes none
            return "422 password-rejected"
        if account.has_second_step and step is None:
            return "401 second-step-required"
        if account.has_second_step:
            if account.since is None or account.since <= self.now - DAY:
                account.since, account.wrong = self.now, 0
            if step is not None and step <= account.last_step:
                return self._refuse_step(link)
        if password == account.password and account.state == "active":
            return "422 password-rejected"
        link.over, link.used_at = "used", self.now
        if account.has_second_step and step is not None:
            account.last_step, account.wrong = step, 0
        account.secured = False
        self.mailbox(account.email).mailed_at = None  # the owner has the mail, and need not wait for the next
        self.trail.append(("password_reset", "changed", account.email))
        self._change("reset", account, password, is_proven=account.has_second_step)
        return "200"

    def _refuse_step(self, link: Key) -> str:
        """Refuse a code. Each so many of a link, or of an account, end the link, and a mail tells its mailbox."""
        link.tries += 1
        link.account.wrong += 1
        if link.tries < MOST_STEPS and link.account.wrong % MOST_STEPS:
            return "401 second-step-rejected"
        link.over = "invalid"
        self.waiting.append(Message("warning", link.mailbox))
        return "400 link-dead"

    def change(self, session: Key, current: str, password: str) -> str:
        if session.fault(self.now):
            return "401 not-signed-in"
        if current != session.account.password:
            return "401 credentials-rejected"
        if current == password or len(password) < SHORTEST_PASSWORD:
            return "422 password-rejected"
        self.trail.append(("password_change", "changed", session.account.email))
        self._change("change", session.account, password, is_proven=True)
        session.over, session.ends = "", self.now + KINDS["session"].life
        return "200"

    def _change(self, event: str, account: Account, password: str, *, is_proven: bool) -> None:
        """`is_proven`: the change took more than a mailbox. The buttons in earlier mailboxes end."""
        account.password = password
        self._end(event, account)
        for button in self.held("button", account=account) if is_proven else ():
            if button.mailbox != account.email:
                button.end(self.now)
        self.waiting.append(Message("change", account.email, account))

    def exchange(self, email: str, digits: str) -> str:
        """Exchange a code for a link. Only the newest of a mailbox works, and every fault gets the same answer."""
        codes = [code for code in self.held("code") if code.mailbox == email]
        for code in codes[-1:]:
            code.tries += 1
            if code.tries <= MOST_TRIES and digits == code.token and not code.fault(self.now):
                code.over = "used"
                self.issue("link", code.account, email)
                return "200"
        return "400 code-refused"

    def replace(self, link: Key) -> str:
        """Replace an expired link, once; a repeat gets the same answer and no mail."""
        fault = link.over or ("expired" if link.ends <= self.now else "")
        if fault != "expired":
            return "400 link-dead" if fault else "400 invalid-input"
        if not link.is_replaced:
            self.waiting.append(Message("reset_request", link.mailbox))
        link.is_replaced = True
        return "202"

    def sign_in(self, email: str, password: str) -> str:
        """Open an active account for its password, and end the muting of its mailbox. All else gets one answer."""
        account = self.at(email)
        if account is None or account.state != "active" or account.password != password:
            return "401 credentials-rejected"
        self.mailbox(email).muted_until = None
        self.issue("session", account, "")
        return "200"

    # "This was not me", by the owner of a mailbox. It speaks for that mailbox alone.

    def press(self, button: Key) -> str:
        """End what the mailbox got, and its buttons about later changes. The worker does the rest."""
        if button.fault(self.now):
            return "400 security-link-dead"
        self._end("press", button.account, button.mailbox)
        buttons = self.held("button", account=button.account)
        for later in buttons[buttons.index(button) :]:
            if later.mailbox == button.mailbox:
                later.end(self.now)
        button.over, button.used_at = "used", self.now
        self.trail.append(("account_secured", "secured", button.mailbox))
        self.waiting.append(Message("press", button.mailbox, button.account))
        return "200"

    def mute(self, muting: Key) -> str:
        if muting.fault(self.now):
            return "400 security-link-dead"
        muting.over = "used"
        self.mailbox(muting.mailbox).muted_until = self.now + MUTED_FOR
        self.trail.append(("mailbox_mute", "muted", muting.mailbox))
        self._end("mute", muting.account, muting.mailbox)
        return "200"

    # Operators, the provider, and time.

    def unlock(self, email: str) -> bool:
        account = self.at(email)
        if account is None or not account.secured:
            return False
        account.secured = False
        self.trail.append(("account_unlock", "unlocked", email))
        return True

    def report(self, email: str) -> None:
        """Send no mail for a while to a mailbox that bounced or complained."""
        self.mailbox(email).suppressed_until = self.now + SUPPRESSED_FOR

    def purge(self) -> None:
        """Forget links a week after their end, and buttons, too, unless they locked an account that is still locked."""
        is_answered = all(message.event != "press" for message in self.waiting)
        for key in self.keys:
            is_needed = key.kind == "button" and (key.account.state == "locked" or not is_answered)
            if key.kind in {*LINKS, "button"} and key.ends < self.now - FORGOTTEN_AFTER and not is_needed:
                key.over = "invalid"
