"""What opens an account, judged at each commit that must end it: a new password, or a press of
"this was not me".
"""

from collections.abc import Iterator, Sequence

import bcrypt
from tests.driver.journal import PASSWORD, Records, Row, digest, payload_of, read_time
from tests.worlds.simulation.users import CHANGE, LOGIN, SESSION, Call


def a_change_ends_all_access(records: Records, calls: Sequence[Call]) -> Iterator[str]:
    access = _Access(records)
    for row in records.journal:
        yield from access.faults_at(row)
    yield from _what_an_old_password_opens(records, calls)


class _Access:
    """The links and sessions that work, by their names.

    `outdated`: links in use when their account was changed.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._in_session = {
            one["message_id"] for one in records.audit if one["event"] == "password_change"
        }
        self._sessions: dict[str, str] = {}
        self._links: dict[str, str] = {}
        self._used: dict[str, str] = {}
        self._revoked: set[str] = set()
        self._outdated: set[str] = set()

    def faults_at(self, row: Row) -> Iterator[str]:
        match row.what:
            case "session":
                self._sessions[row.new] = row.who
            case "session ended":
                self._sessions.pop(row.old, None)
            case "link":
                self._links[row.who] = row.new
            case "link revoked":
                self._revoked.add(row.who)
                self._links.pop(row.who, None)
            case "link used":
                yield from self._use(row)
            case "message" if row.old in {"password_changed", "account_secured"}:
                yield from self._judge(row)

    def _use(self, row: Row) -> Iterator[str]:
        if row.new is not None:
            self._used[row.who] = self._links.pop(row.who, "")
        elif row.who not in self._revoked:
            self._links[row.who] = self._used.pop(row.who)
            if row.who in self._outdated:
                yield (
                    f"link {row.who[:6]} of {self._links[row.who]} is older than a change, "
                    "and was given back"
                )

    def _judge(self, message: Row) -> Iterator[str]:
        """Judge a change or a press.

        Its message is the last that its transaction writes; no later end is an excuse.
        """
        account, at = payload_of(message)["account_id"], read_time(payload_of(message)["at"])
        self._outdated |= {name for name, owner in self._used.items() if owner == account}
        yield from (
            f"session {name[:6]} of {account} is older than a change, and open"
            for name, owner in self._sessions.items()
            if owner == account
        )
        for name in (name for name, owner in self._links.items() if owner == account):
            link = self._records.links[name]
            # An intruder in a session cannot end the link that the owner has asked for by a press.
            is_spared = link["recovers"] and message.who in self._in_session
            if not is_spared and read_time(link["expires_at"]) > at:
                yield f"link {name[:6]} of {account} is older than a change, and works"


def _what_an_old_password_opens(records: Records, calls: Sequence[Call]) -> Iterator[str]:
    """Judge sign-ins by the password that held when their session was stored, and changes by their
    session.
    """
    began = {row.new: row for row in records.of("session")}
    ended = {row.old: row.id for row in records.of("session ended")}
    changes = records.of("password")
    for call in calls:
        fields = call.request.fields
        if call.request.path == LOGIN and call.answer and call.status == 200:
            row = began[digest(call.answer.cookies[SESSION])]
            before = [one.new for one in changes if one.who == row.who and one.id < row.id]
            if not (
                _fits(fields["password"], before[-1]) if before else fields["password"] == PASSWORD
            ):
                yield f"{call.request.agent} opened a session with a password that had been changed"
        if call.request.path == CHANGE and call.status == 200:
            end = ended.get(digest(call.request.cookies[SESSION]))
            if end and any(
                one.id > end and _fits(fields["newPassword"], one.new) for one in changes
            ):
                yield f"{call.request.agent} changed a password in a session that had ended"


def _fits(password: str, hashed: str) -> bool:
    return bcrypt.checkpw(password.encode(), hashed.encode())
