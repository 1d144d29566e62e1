"""Runs all checks at once, each with a time limit, so that a slow check does not delay others."""

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from keyturn.mail.port.check_result import CheckResult, fail
from keyturn.service.doctor.checks import Check, checks
from keyturn.service.doctor.configuration import check_settings
from keyturn.service.doctor.nameserver import Dns
from keyturn.service.settings.reading import Reading

_PATIENCE = 5  # seconds for one check


async def examine(reading: Reading, dns: Dns, *, patience: float = _PATIENCE) -> list[CheckResult]:
    """Return the findings of all checks, in order.

    If the settings have a fault, only their findings are returned. `patience`: seconds for a check.
    """
    findings = check_settings(reading)
    if reading.faults:
        fix = "Fix the settings first."
        findings.append(CheckResult("others", "skip", "no other check was made", fix))
        return findings
    runs = [_run(check, patience) for check in checks(reading.settings, dns)]
    for found in await asyncio.gather(*runs):
        findings += found
    return findings


async def _run(check: Check, patience: float) -> Sequence[CheckResult]:
    try:
        async with asyncio.timeout(patience):
            findings = await check.work
    except TimeoutError:
        fix = "Check its settings, and whether a firewall blocks the connection."
        findings = [fail(f"no answer within {patience:g} s", fix)]
    except Exception as error:  # noqa: BLE001 - one check must not hide what the others found
        # The text of an error is not shown: it may hold anything, even the password of a URL.
        fix = "Check its settings. If they are right, report a bug in Keyturn."
        findings = [fail(f"the check itself failed with {type(error).__name__}", fix)]
    return [replace(finding, check=finding.check or check.name) for finding in findings]
