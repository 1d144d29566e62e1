"""Mails of other commits, drawn within the limits of those that are looked at: who wrote them may be anybody."""

from collections.abc import Iterator, Sequence

from keyturn.emails.snapshots import MailName
from keyturn.emails.snapshots.sides import Mail, MailStopped, MovedFolder, NotListed
from keyturn.emails.studio.rendering.drawing import Drawer
from keyturn.emails.studio.rendering.template_errors import fault_of_limit
from keyturn.emails.workers import LimitExceeded, Runner

_TOGETHER = 40
"""Mails that a worker is asked for at a time: it looks at the folder once for them, within the limits of one."""

_ENOUGH = 3
"""Templates that were stopped. Where so many run away, nobody waits for the others."""


class BoundedSides:
    """Has mails drawn by workers. A template that takes more than it may is a fault of its own."""

    def __init__(self, runner: Runner[Drawer]) -> None:
        self._runner = runner

    def names(self, there: MovedFolder | None) -> list[MailName]:
        try:
            return self._runner.run(_names, there)
        except LimitExceeded as exceeded:
            what = "there" if there else "in the working tree"
            raise NotListed(f"The mails {what} cannot be listed: it takes more than it may.") from exceeded

    def mails(self, there: MovedFolder | None, names: Sequence[MailName]) -> dict[MailName, Mail]:
        drawn: dict[MailName, Mail] = {}
        for start in range(0, len(names), _TOGETHER):
            together = names[start : start + _TOGETHER]
            try:
                drawn |= self._runner.run(_mails, there, together)
            except LimitExceeded:
                for those in _by_template(together):
                    stopped = {name.template for name, mail in drawn.items() if isinstance(mail, MailStopped)}
                    drawn |= self._of_template(there, those, stopped)
        return drawn

    def _of_template(
        self, there: MovedFolder | None, names: Sequence[MailName], stopped: set[str]
    ) -> dict[MailName, Mail]:
        template = names[0].template
        if template in stopped:
            return dict.fromkeys(names, MailStopped(template, None, "another of its samples takes more than it may"))
        if len(stopped) >= _ENOUGH:
            why = f"it was not drawn, since {_ENOUGH} templates take more than they may"
            return dict.fromkeys(names, MailStopped(template, None, why))
        try:
            return self._runner.run(_mails, there, names)
        except LimitExceeded as exceeded:
            fault = fault_of_limit(exceeded.limit, template)
            return dict.fromkeys(names, MailStopped(template, None, fault.message))


def _names(drawer: Drawer, there: MovedFolder | None) -> list[MailName]:
    return drawer.sides.names(there)


def _mails(drawer: Drawer, there: MovedFolder | None, names: Sequence[MailName]) -> dict[MailName, Mail]:
    return drawer.sides.mails(there, names)


def _by_template(names: Sequence[MailName]) -> Iterator[list[MailName]]:
    for template in dict.fromkeys(name.template for name in names):
        yield [name for name in names if name.template == template]
