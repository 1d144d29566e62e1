"""The run of all attacks against a target."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing

from keyturn.probe.attack import (
    ATTACKS,
    Attack,
    AttackEnded,
    AttackFinding,
    AttackResult,
    AttackVerdict,
    CannotProbe,
    Exchange,
    ProbeReport,
)
from keyturn.probe.attacks import links, requests, tokens
from keyturn.probe.page import Page
from keyturn.probe.run import Run

_SHOWN = (
    "content-type",
    "cache-control",
    "referrer-policy",
    "content-security-policy",
    "x-frame-options",
)
_LONGEST = 400
"""Characters of a body in the report."""

_LONGEST_WHY = 2_000
"""Characters of what an attack showed."""

_LONGEST_ANSWER = 4_000
"""Characters of an answer, whose headers a hostile application may fill."""


def _functions_by_attack() -> Mapping[str, Callable[[Run], Awaitable[AttackFinding]]]:
    """Return the function of each attack, by the attack's name.

    Raises KeyError for a name in `attacks.toml` that no function has.
    """
    known = vars(links) | vars(requests) | vars(tokens)
    return {name: known[name.replace("-", "_")] for name in ATTACKS}


_FUNCTIONS = _functions_by_attack()


def _show_nothing(_: str) -> None:
    pass


async def play(
    run: Run, only: Sequence[str] = (), progress: Callable[[str], None] = _show_nothing
) -> ProbeReport:
    """Play the attacks until the task is cancelled; `progress` hears the name of each.

    Raises CannotProbe.
    """
    began = time.monotonic()
    stopped = False
    chosen = [attack for attack in ATTACKS.values() if not only or attack.name in only]
    results = {}
    for attack in chosen:
        results[attack] = AttackResult(attack, AttackVerdict.NOT_TRIED, "The run was stopped.")
    async with aclosing(run.web):
        try:
            progress("searching for forms")
            await run.begin()
            for attack in chosen:
                progress(attack.name)
                results[attack] = await _play(attack, run)
        except AttackEnded as problem:
            raise CannotProbe(run.without_secrets(str(problem))[:_LONGEST_WHY]) from None
        except asyncio.CancelledError:
            stopped = True
            task = asyncio.current_task()
            if task:
                task.uncancel()
    seconds = time.monotonic() - began
    return ProbeReport(run.target.url, tuple(results.values()), seconds, stopped)


async def _play(attack: Attack, run: Run) -> AttackResult:
    """Return the result of an attack, whatever it raises: an answer of the application must not
    end the run.
    """
    try:
        finding = await _finding_of(attack, run)
        exchanges = tuple(_exchange(page, run) for page in finding.pages)
        why = run.without_secrets(finding.why)[:_LONGEST_WHY]
    except Exception as error:  # noqa: BLE001 - whatever a hostile answer makes it raise
        why = (
            "The probe does not understand an answer or a mail of the application "
            f"({type(error).__name__})."
        )
        return AttackResult(attack, AttackVerdict.NOT_TRIED, why)
    return AttackResult(attack, finding.verdict, why, exchanges)


async def _finding_of(attack: Attack, run: Run) -> AttackFinding:
    try:
        return await _FUNCTIONS[attack.name](run)
    except AttackEnded as ended:
        return ended.finding


def _exchange(page: Page, run: Run) -> Exchange:
    """Return an answer and its request, with the names of cookies, a few headers, and the beginning
    of the text.
    """
    clean = run.without_secrets
    first = page.all[0]
    request = f"{clean(f'{first.method} {first.url}')}\n{clean(first.sent)[:_LONGEST]}"
    lines: list[str] = []
    for answer in page.all:
        lines.append(f"{answer.status} {answer.header('location')}".strip())
    for name in _SHOWN:
        if page.header(name):
            lines.append(f"{name}: {page.header(name)}")
    for name in page.cookies:
        lines.append(f"set-cookie: {name}=…")
    beginning = clean(" ".join(page.words.split()))[:_LONGEST]
    shown = "\n".join([*map(clean, lines), beginning])
    return Exchange(request, shown[:_LONGEST_ANSWER])
