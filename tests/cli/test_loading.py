"""The packages that a process loads: each one costs time at the start, and memory for good."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.long

SERVICE = "import keyturn.app, keyturn.cli.running, keyturn.parts"
STUDIO = "import keyturn.cli.running, keyturn.emails.studio"
MIGRATION = "import alembic.command, keyturn.database.migrations"
WORKER = "import keyturn.child_worker.process, keyturn.event_loop, keyturn.parts"
DEAR = {"advanced_alchemy", "alembic", "sqlalchemy.dialects.postgresql", "watchfiles"}


def loaded_by(code: str, later: str = "") -> set[str]:
    """Return the modules that a process has loaded after that code, and what it imports later."""
    code = f"""
import gc, sys
from keyturn.quick_imports import quick_imports
with quick_imports():
    {code}
{later}
assert gc.isenabled()
print(*sys.modules)
"""
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        (SERVICE, {*DEAR, "httpx", "opentelemetry", "resend"}),
        (STUDIO, {*DEAR, "httpx", "sqlalchemy"}),
        (WORKER, {*DEAR, "litestar"}),
        (MIGRATION, {"advanced_alchemy", "litestar", "pygments"}),
    ],
    ids=["service", "studio", "worker", "migration"],
)
def test_what_is_not_needed_is_not_loaded(code: str, absent: set[str]) -> None:
    assert not loaded_by(code) & absent


def test_no_collection_looks_at_what_was_loaded_and_one_that_was_switched_off_stays_off() -> None:
    code = """
import gc
from keyturn.quick_imports import quick_imports
before = gc.get_freeze_count()
with quick_imports():
    assert not gc.isenabled()
assert gc.isenabled()
assert gc.get_freeze_count() == before, "nothing was loaded"
gc.disable()
with quick_imports():
    import keyturn.parts
assert not gc.isenabled()
assert gc.get_freeze_count() > before + 50_000
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_studio_is_imported_after_its_options_are_read() -> None:
    """Before that, a collection could run for each of its thousand modules."""
    code = """
import sys
from keyturn.cli import keyturn
studio = keyturn.get_command(None, "studio")
studio.make_context("studio", ["--smtp", "0", "emails"])
assert "keyturn.emails.studio" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_commands_are_imported_without_collections_and_without_what_only_others_need() -> None:
    code = """
import gc, sys
from keyturn.cli import COMMANDS, keyturn
before = gc.get_freeze_count()
keyturn.get_command(None, "demo")
assert gc.get_freeze_count() > before + 50_000
for name in COMMANDS:
    keyturn.get_command(None, name)
assert not {"advanced_alchemy", "watchfiles"}.intersection(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_server_looks_for_garbage_seldom_and_never_among_what_it_began_with() -> None:
    code = """
import asyncio, gc, os, signal
from keyturn.cli.running import serve
from keyturn.cli.sockets import listen
async def app(scope, receive, send):
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
def ready():
    assert gc.get_threshold()[0] >= 10_000
    assert gc.get_freeze_count() > before + 10_000
    print("ready")
    os.kill(os.getpid(), signal.SIGTERM)
before = gc.get_freeze_count()
asyncio.run(serve(app, listen("127.0.0.1", 0), ready))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "ready\n"


@pytest.mark.parametrize("package", ["advanced_alchemy", "pygments", "watchfiles"])
def test_what_was_kept_out_of_sight_is_there_for_whoever_wants_it(package: str) -> None:
    assert package in loaded_by(SERVICE, f"import {package}")
