"""What Keyturn promises about accounts, links, codes and mails, in whatever order users, operators and time act.

The model is a specification that runs. It knows no database, no HTTP and no worker, and decides each answer and each
mail from docs/security.md and docs/operating.md. `machine.py` does the same with the real service and compares.

The model leaves out, of docs/security.md: what an answer's time reveals, the limits of clients, challenges, recovery
codes and codes by SMS, accounts in another system, webhooks and callbacks, password rules other than "not the current
one", browsers (cookies, CSRF, CSP), what is encrypted at rest and left out of logs, forged reports of a provider, and
the most wrong codes of an account in a day or of a mailbox in a row. Providers and databases that fail are the subject
of other tests.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.state_machines.things import (
    BUTTON_LIFE,
    CODE_LIFE,
    DAY,
    FORGOTTEN_AFTER,
    LINK_LIFE,
    MOST_LINKS,
    MOST_STEPS,
    MOST_TRIES,
    MUTED_FOR,
    MUTING_LIFE,
    OPERATORS_LINK_LIFE,
    RECOVERY_LIFE,
    SESSION_LIFE,
    SUPPRESSED_FOR,
    Account,
    Button,
    Code,
    Link,
    Mail,
    Mailbox,
    Muting,
    Request,
    Session,
)


@dataclass
class Model:
    """The state of everything, and the answer to each call. `trail`: entries of the audit trail that are due."""

    now: datetime
    accounts: list[Account] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)
    mutings: list[Muting] = field(default_factory=list)
    codes: dict[str, Code] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    changes: list[tuple[Account, str, datetime]] = field(default_factory=list)
    presses: list[Button] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    trail: list[tuple[str, str, str]] = field(default_factory=list)

    def at(self, email: str) -> Account | None:
        return next((account for account in self.accounts if account.email == email), None)

    def mailbox(self, email: str) -> Mailbox:
        return self.mailboxes.setdefault(email, Mailbox())

    def _links_of(self, account: Account, mailbox: str = "") -> Iterable[Link]:
        return [link for link in self.links if link.account is account and mailbox in {"", link.mailbox}]

    # A request for a link: each ends in exactly one outcome, and the answer never depends on the account.

    def outcome(self, request: Request) -> str:
        """Return the outcome of a request, for the audit trail: which mail it gets, or why it gets none."""
        account = self.at(request.email)
        if account is None:
            return "no_account"
        if not (account.active or self._may_recover(account)):
            return "disabled"
        if request.event == "invitation" and not account.awaits_password:
            return "needs_no_invitation"
        return self.mailbox(request.email).refusal(self.now) or (
            "provider_mailed" if account.provider else "link_mailed"
        )

    def operators_outcome(self, email: str) -> str:
        """Return what `keyturn accounts reset` says."""
        account, outcome = self.at(email), self.outcome(Request("operator_reset", email))
        if outcome == "disabled" and account and account.locked:
            return "locked"
        if outcome not in {"no_account", "disabled"} and account and account.provider:
            return "signs_in_elsewhere"
        return "asked" if outcome == "link_mailed" else outcome

    def _may_recover(self, account: Account) -> bool:
        """Tell whether the mailbox of a locked account may open it: only one that secured it may."""
        pressed = (one for one in self.buttons if one.is_pressed and one.account is account)
        return account.locked and account.email in {one.mailbox for one in pressed}

    # The worker: the mails of everything that waits.

    def deliver(self) -> list[Mail]:
        mails = [
            *[mail for press in self.presses for mail in self._answer_press(press)],
            *[mail for change in self.changes for mail in self._confirm(*change)],
            *[Mail("second_step_failed", to) for to in self.warnings if not self._is_suppressed(to)],
        ]
        answered: set[str] = set()
        for request in self.requests:
            outcome = self.outcome(request)
            if outcome == "daily_limit" and request.email in answered:  # the last mail of the day was the one before
                outcome = "cooldown"
            self.trail.append((request.event, outcome, request.email))
            if outcome in {"link_mailed", "provider_mailed"}:
                answered.add(request.email)
                mails.append(self._answer(request))
        for waiting in (self.presses, self.changes, self.warnings, self.requests):
            waiting.clear()
        return mails

    def _answer(self, request: Request) -> Mail:
        account = self.at(request.email)
        assert account
        self.mailbox(request.email).count(self.now)
        if account.provider:
            return Mail("sign_in_with_provider", request.email)
        if account.locked:
            return self._recovery_mail(account)
        link = self.mint(account, OPERATORS_LINK_LIFE if request.is_operators else LINK_LIFE)
        if account.awaits_password:
            return Mail("invitation", request.email, link)
        if request.is_operators:
            return Mail("password_reset", request.email, link)
        self.codes[request.email] = code = Code(account, self.now + CODE_LIFE)
        muting = Muting(account, request.email, self.now + MUTING_LIFE)
        self.mutings.append(muting)
        return Mail("password_reset", request.email, link, muting, code)

    def mint(self, account: Account, life: timedelta, *, recovers: bool = False) -> Link:
        """Return a new link. An account has a few; one more ends the oldest. Recovery links do not count."""
        link = Link(account, account.email, self.now + life, recovers)
        self.links.append(link)
        plain = [one for one in self._links_of(account) if one.is_alive(self.now) and not one.recovers]
        for oldest in plain[:-MOST_LINKS]:
            oldest.over = "invalid"
        return link

    def _recovery_mail(self, account: Account) -> Mail:
        return Mail("password_reset", account.email, self.mint(account, RECOVERY_LIFE, recovers=True))

    def _confirm(self, account: Account, email: str, changed_at: datetime) -> Iterable[Mail]:
        """Confirm each change once, to the address at that time, and once more to a newer one."""
        if account.email != email:
            yield from self._confirmation(account.email, None)
        yield from self._confirmation(email, Button(account, email, changed_at, self.now + BUTTON_LIFE))

    def _confirmation(self, email: str, button: Button | None) -> Iterable[Mail]:
        if self._is_suppressed(email):
            self.trail.append(("confirmation", "suppressed", email))
            return
        self.buttons += [button] if button else []
        yield Mail("password_changed", email, button=button)

    def _is_suppressed(self, email: str) -> bool:
        return self.mailbox(email).refusal(self.now) == "suppressed"

    def _answer_press(self, press: Button) -> Iterable[Mail]:
        """Lock the account and mail a link to the mailbox that pressed. If the account has moved, tell both."""
        account, outcome = press.account, "link_mailed"
        has_moved = account.email != press.mailbox
        account.secured |= not has_moved and account.enabled
        if not account.enabled:
            outcome = "disabled"
        elif has_moved:
            outcome = "address_changed"
            both = (press.mailbox, account.email)
            yield from (Mail("address_disputed", to) for to in both if not self._is_suppressed(to))
        elif self._is_suppressed(press.mailbox):
            outcome = "suppressed"
        else:
            yield self._recovery_mail(account)
        self.trail.append(("account_recovery", outcome, press.mailbox))

    # A link, a code or a session sets a password. It works once, and a change ends everything that was open.

    def reset(self, link: Link, password: str, code: int | None) -> str:
        """`code`: the step of the authenticator app's code; None without a code, -1 with a wrong one."""
        account = link.account
        if link.fault(self.now):
            return "400 link-dead"
        if account.has_second_step and code is None:
            return "401 second-step-required"
        if account.has_second_step and code is not None and code <= account.last_step:
            return self._refuse_code(link)
        if password == account.password and not account.locked:
            return "422 password-rejected"
        link.over = "used"
        account.secured = False
        if self.mailbox(account.email).mailed_at:
            self.mailbox(account.email).mailed_at = self.now - 2 * DAY
        if account.has_second_step and code is not None:
            account.last_step = code
        self._change(account, password, is_proven=account.has_second_step, spares_recovery=False)
        return "200"

    def _refuse_code(self, link: Link) -> str:
        """Refuse a code. The last one allowed ends the link, and a mail tells its mailbox."""
        link.tries += 1
        if link.tries < MOST_STEPS:
            return "401 second-step-rejected"
        link.over = "invalid"
        self.warnings.append(link.mailbox)
        return "400 link-dead"

    def change(self, session: Session, current: str, password: str) -> str:
        if not session.is_open(self.now):
            return "401 not-signed-in"
        if current != session.account.password:
            return "401 credentials-rejected"
        if current == password:
            return "422 password-rejected"
        self._change(session.account, password, is_proven=True, spares_recovery=True)
        session.is_over, session.ends = False, self.now + SESSION_LIFE
        return "200"

    def _change(self, account: Account, password: str, *, is_proven: bool, spares_recovery: bool) -> None:
        account.password = password
        self._end_access(account, spares_recovery=spares_recovery)
        if is_proven:
            for button in self.buttons:
                if button.account is account and button.mailbox != account.email:
                    button.ends = min(button.ends, self.now)
        self.changes.append((account, account.email, self.now))

    def _end_access(self, account: Account, mailbox: str = "", *, spares_recovery: bool = False) -> None:
        """End all sessions, and the links and codes, or only those that went to the mailbox."""
        self._end_mails(account, mailbox, spares_recovery=spares_recovery)
        for session in self.sessions:
            session.is_over |= session.account is account

    def _end_mails(self, account: Account, mailbox: str, *, spares_recovery: bool) -> None:
        for link in self._links_of(account, mailbox):
            if link.is_alive(self.now) and not (spares_recovery and link.recovers):
                link.over = "invalid"
        for email, code in list(self.codes.items()):
            if code.account is account and mailbox in {"", email}:
                del self.codes[email]

    def exchange(self, email: str, digits: str) -> str:
        """Exchange a code for a link, once. A wrong code and an address without a code get the same answer."""
        code = self.codes.get(email)
        if code is None or code.ends <= self.now or code.tries >= MOST_TRIES:
            return "400 code-refused"
        code.tries += 1
        if digits != code.digits or not code.account.active or code.account.email != email:
            return "400 code-refused"
        del self.codes[email]
        return "200"

    def replace(self, link: Link) -> str:
        """Replace an expired link, once; a repeat gets the same answer and no mail."""
        fault = "invalid" if link.is_forgotten else link.over or ("expired" if link.ends <= self.now else "")
        if fault != "expired":
            return "400 link-dead" if fault else "400 invalid-input"
        if not link.is_replaced:
            self.requests.append(Request("reset_request", link.mailbox))
        link.is_replaced = True
        return "202"

    # "This was not me", by the owner of a mailbox. It speaks for that mailbox alone.

    def press(self, button: Button) -> str:
        if not button.works(self.now):
            return "400 security-link-dead"
        for later in self.buttons:
            is_same = later.account is button.account and later.mailbox == button.mailbox
            if is_same and later is not button and later.changed_at >= button.changed_at and later.works(self.now):
                later.ends = self.now
        button.is_pressed = True
        self._end_access(button.account, button.mailbox)
        self.presses.append(button)
        return "200"

    def mute(self, muting: Muting) -> str:
        if not muting.works(self.now):
            return "400 security-link-dead"
        muting.is_used = True
        self.mailbox(muting.mailbox).muted_until = self.now + MUTED_FOR
        self._end_mails(muting.account, muting.mailbox, spares_recovery=True)
        return "200"

    def sign_in(self, email: str, password: str) -> str:
        """Open an active account for its password, and end the muting of its mailbox. All else gets one answer."""
        account = self.at(email)
        if account is None or not account.active or account.password != password:
            return "401 credentials-rejected"
        self.mailbox(email).muted_until = None
        self.sessions.append(Session(account, self.now + SESSION_LIFE))
        return "200"

    # Operators, the provider, and time.

    def unlock(self, email: str) -> bool:
        account = self.at(email)
        if account is None or not account.secured:
            return False
        account.secured = False
        return True

    def report(self, email: str) -> None:
        """Send no mail for a while to a mailbox that bounced or complained."""
        self.mailbox(email).suppressed_until = self.now + SUPPRESSED_FOR

    def purge(self) -> None:
        """Forget links a week after their end, and buttons, too, unless they locked an account that is still locked."""
        long_ago = self.now - FORGOTTEN_AFTER
        for link in self.links:
            link.is_forgotten |= link.ends < long_ago
        if not self.presses:
            self.buttons = [one for one in self.buttons if one.ends >= long_ago or one.account.locked]
