"""Where the limits are counted."""

import pytest

from keyturn.mail.port.finding import Finding
from keyturn.service.doctor.services import check_limits
from keyturn.service.settings import DatabaseSettings, LimitSettings, Secret, Settings


async def counted_in(database: str = "sqlite:///keyturn.db", *, in_memory: bool = False) -> Finding:
    settings = Settings(limits=LimitSettings(in_memory=in_memory), database=DatabaseSettings(url=Secret(database)))
    (found,) = await check_limits(settings)
    assert found.check == "limits"
    return found


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_postgresql_counts_for_all_processes_and_its_latency_is_told(database_url: str) -> None:
    found = await counted_in(database_url)

    assert found.verdict == "ok"
    assert found.message.startswith("PostgreSQL counts for all processes, and answers in ")


@pytest.mark.parametrize(
    ("database", "in_memory", "verdict", "said", "mend"),
    [
        ("sqlite:///keyturn.db", True, "ok", "", ""),
        ("sqlite:///keyturn.db", False, "ok", "one process", ""),
        ("postgresql://db.test/keyturn", True, "ok", "one process", ""),
        ("postgresql://keyturn:hunter2@127.0.0.1:1/keyturn", False, "fail", "", "503"),
    ],
    ids=["memory of one process", "SQLite", "memory of several processes", "a PostgreSQL that is not there"],
)
async def test_where_they_are_counted_is_told_and_what_a_fault_means(
    database: str, in_memory: bool, verdict: str, said: str, mend: str
) -> None:
    found = await counted_in(database, in_memory=in_memory)

    assert found.verdict == verdict
    assert said in found.message
    assert mend in found.mend
    assert verdict != "fail" or "database" in found.mend
    assert "hunter2" not in repr(found)
