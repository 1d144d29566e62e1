"""What a live link allows: one change of a password."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.database import now
from keyturn.errors import LinkDead
from keyturn.reset.changes.authorization import ChangeAuthorization
from keyturn.reset.proofs.second_step.required import PassedSecondStep
from keyturn.reset.records.link_store import LinkStore

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

    def refusal(self) -> LinkDead:
        return LinkDead("invalid")

    async def require_second_step(self) -> None:
        if self._demand:
            self._passed = await self._demand()

    async def require_unused(self) -> None:
        link = await self._links.find(self._digest)
        dead = link.dead_reason(now()) if link else "invalid"
        if dead:
            raise LinkDead(dead)

    async def redeem(self, session: AsyncSession, moment: datetime) -> None:
        if not await self._links.consume(session, self._digest, moment):
            link = await self._links.find_within(session, self._digest)
            raise LinkDead((link.dead_reason(now()) if link else None) or "invalid")
        if self._passed:
            await self._passed.spend(session, moment)

    async def give_back(self, session: AsyncSession, moment: datetime) -> None:
        await self._links.give_back(session, self._digest, moment)
        if self._passed:
            await self._passed.give_back(session, moment)

    async def after_change(self, session: AsyncSession) -> None:
        if self._passed:
            await self._passed.confirm(session)
