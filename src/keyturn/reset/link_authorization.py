"""What a live link allows: one change of a password."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy import Connection

from keyturn.database import now
from keyturn.problems.proofs import DeadReason, LinkDead
from keyturn.reset.changes.authorization import ChangeAuthorization
from keyturn.reset.proofs.second_step.required import PassedSecondStep
from keyturn.reset.records.link_store import Link, LinkStore

Demand = Callable[[], Awaitable[PassedSecondStep | None]]
"""Asks for the second step. Raises where it is not there."""


class LinkAuthorization(ChangeAuthorization):
    """Allows one change to whoever has the link; consuming it is what decides. `demand` asks for the second step."""

    how = "reset"

    def __init__(self, links: LinkStore, digest: bytes, demand: Demand | None) -> None:
        self._links = links
        self._digest = digest
        self._demand = demand
        self._passed: PassedSecondStep | None = None

    @property
    def proven(self) -> bool:
        return self._passed is not None

    def refusal(self) -> LinkDead:
        return LinkDead("invalid")

    async def require_second_step(self) -> None:
        if not self._demand:
            return
        try:
            self._passed = await self._demand()
        except LinkDead as dead:
            if dead.reason == "invalid":  # somebody else may have used it meanwhile, as a form does that is sent twice
                await self.require_unused()
            raise

    async def require_unused(self) -> None:
        if dead := _dead_reason(await self._links.find(self._digest)):
            raise LinkDead(dead)

    def redeem(self, connection: Connection, moment: datetime) -> None:
        if not self._links.consume(connection, self._digest, moment):
            raise LinkDead(_dead_reason(self._links.find_within(connection, self._digest)) or "invalid")
        if self._passed:
            self._passed.spend(connection, moment)

    def give_back(self, connection: Connection, moment: datetime) -> None:
        self._links.give_back(connection, self._digest, moment)
        if self._passed:
            self._passed.give_back(connection, moment)

    def after_change(self, connection: Connection) -> None:
        if self._passed:
            self._passed.confirm(connection)


def _dead_reason(link: Link | None) -> DeadReason | None:
    return link.dead_reason(now()) if link else "invalid"
