"""The functions of the attacks, by the names of their rows: `link-twice` is `link_twice`.

Each plays one attack and returns what it found. It raises NotTried, or Undecided, if it has no verdict.
"""

from collections.abc import Awaitable, Callable

from keyturn.probe.attacks import accounts, addresses, answers, links, mails, pages, tokens
from keyturn.probe.run import Finding, Run


def attack_named(name: str) -> Callable[[Run], Awaitable[Finding]]:
    """Return the function of an attack."""
    function = name.replace("-", "_")
    modules = (answers, mails, tokens, pages, links, accounts, addresses)
    attack: Callable[[Run], Awaitable[Finding]] = next(
        getattr(module, function) for module in modules if hasattr(module, function)
    )
    return attack
