"""What happens to the database of a running service: other versions migrate it, tables and the
whole of it are lost.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import text
from tests.driver.connections import committing
from tests.driver.service import Service


async def lose_migrations(service: Service) -> None:
    await _run(service, "DROP TABLE keyturn_migrations")


async def lose_limits(service: Service) -> None:
    await _run(service, "DROP TABLE keyturn_limits")


async def go_back_to_an_older_version(service: Service) -> None:
    await _run(service, "UPDATE keyturn_migrations SET version_num = '0000'")


async def let_a_newer_version_add(service: Service) -> None:
    """Add a column that only a newer version knows."""
    await _run(service, "ALTER TABLE keyturn_secrets ADD COLUMN newer TEXT", _NEWER)


async def let_a_newer_version_take_away(service: Service) -> None:
    """Rename a column that this version needs."""
    await _run(service, "ALTER TABLE keyturn_audit RENAME COLUMN note TO remark", _NEWER)


_NEWER = "UPDATE keyturn_migrations SET version_num = '9999'"


@asynccontextmanager
async def ending_sessions(service: Service, account_id: str) -> AsyncIterator[None]:
    """End all sessions in a transaction that holds an account until the block is over."""
    async with committing(service.container.database) as connection:
        await connection.run_sync(service.container.database.hold, account_id)
        await connection.execute(text("DELETE FROM keyturn_sessions"))
        yield


@asynccontextmanager
async def holding_the_audit_trail(service: Service) -> AsyncIterator[None]:
    """Let all transactions on PostgreSQL wait at their entry in the audit trail, uncommitted, until
    the block ends.
    """
    async with committing(service.container.database) as connection:
        await connection.execute(text("LOCK TABLE keyturn_audit IN SHARE MODE"))
        yield


async def waiting_for_locks(service: Service, number: int) -> None:
    """Wait until so many of the transactions on PostgreSQL wait for another one."""
    waiting = text(
        "SELECT count(*) AS number FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while (await service.rows(waiting))[0]["number"] < number:
        pass


async def lose_outbox(service: Service) -> None:
    await _run(service, "DROP TABLE keyturn_outbox_events", "DROP TABLE keyturn_outbox")


async def lose_database(service: Service, drop: Callable[[str], None], url: str) -> None:
    """Drop the service's database with its connections."""
    await service.container.database.close()
    await asyncio.to_thread(drop, url)


async def lose_connections(service: Service) -> None:
    """Close all connections, so that the service opens its database anew."""
    await service.container.database.close()


async def refuse_writes(url: str) -> None:
    """Let a database of PostgreSQL take no writes, as a primary that has become a standby.

    It ends all connections.
    """
    await _as_administrator(
        url, "ALTER DATABASE {name} SET default_transaction_read_only = on", _END_OTHERS
    )


async def take_writes(url: str) -> None:
    """Let it take writes again. Connections that were made before still take none."""
    await _as_administrator(url, "ALTER DATABASE {name} RESET default_transaction_read_only")


_END_OTHERS = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


async def _as_administrator(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(
        url, server_settings={"default_transaction_read_only": "off"}
    )
    try:
        name = await connection.fetchval("SELECT quote_ident(current_database())")
        for statement in statements:
            await connection.execute(statement.format(name=name))
    finally:
        await connection.close()


async def _run(service: Service, *statements: str) -> None:
    for statement in statements:
        await service.write(text(statement))
