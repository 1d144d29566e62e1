"""What the probe finds in the resets of others, as docs/probe.md says: nothing else fails there."""

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.commands.probe.faulty_app import ANN, BOB
from tests.commands.probe.test_attacks import inbox, names, story
from tests.packages import install_packages
from tests.servers.processes import running_program
from tests.servers.serving import held_ports

from keyturn.probe.attack import AttackVerdict, ProbeReport
from keyturn.probe.probe import play
from keyturn.probe.run import Run
from keyturn.probe.target import Patience, Target

pytestmark = [pytest.mark.long, pytest.mark.nightly]

MEASURED = (Path(__file__).parents[3] / "docs" / "probe.md").read_text("utf-8")


async def probed(
    name: str, starts: Sequence[str], folder: Path, calls: Mapping[str, Any]
) -> ProbeReport:
    """Run a reset and probe it, without the samples of times."""
    shutil.copytree(Path(__file__).parent / "resets" / name, folder, dirs_exist_ok=True)
    packages = install_packages(folder)
    async with AsyncExitStack() as stack:
        mails, smtp_port = inbox(stack)
        (port,) = stack.enter_context(held_ports(1))
        environment = {"SMTP_PORT": str(smtp_port), "PORT": str(port), **packages}
        stack.enter_context(running_program([*starts, ANN, BOB], folder, **environment)).wait_for(
            "listening"
        )
        target = Target(url=f"http://127.0.0.1:{port}", accounts=[ANN, BOB], **calls)
        return await play(Run(target, mails, Patience(silence=1, samples=0)))


def assert_documented(report: ProbeReport, column: str) -> None:
    """Hold what failed and what is unsure against the table of docs/probe.md, but for the attack
    that needs samples.
    """
    rows = [
        [cell.strip(" *`") for cell in row.split("|")[1:-1]]
        for row in re.findall(r"(?m)^\|.*\|$", MEASURED)
    ]
    (at,) = (row.index(column) for row in rows if column in row)
    for verdict in (AttackVerdict.FAILED, AttackVerdict.UNSURE):
        documented = {row[0] for row in rows if len(row) > at and row[at] == verdict}
        assert names(report, verdict) == documented - {"times-differ"}, story(report)


OF_DJANGO = {"change": "/accounts/password_change/", "private": "GET /me"}
OF_BETTER_AUTH = {
    "request": 'POST /api/auth/request-password-reset {"email": "{email}", "redirectTo": '
    '"/new-password"}',
    "reset": 'POST /api/auth/reset-password {"token": "{token}", "newPassword": "{password}"}',
    "sign_in": 'POST /api/auth/sign-in/email {"email": "{email}", "password": "{password}"}',
    "change": 'POST /api/auth/change-password {"currentPassword": "{old}", "newPassword": '
    '"{password}"}',
    "private": "GET /api/auth/list-sessions",
}


async def test_django_s_own(tmp_path: Path) -> None:
    report = await probed("django", (sys.executable, "app.py"), tmp_path, OF_DJANGO)
    assert_documented(report, "Django's own")


async def test_better_auth(node: str, tmp_path: Path) -> None:
    report = await probed("better_auth", (node, "app.js"), tmp_path, OF_BETTER_AUTH)
    assert_documented(report, "Better Auth")
