"""The functions of the attacks, by the names of their rows: `link-twice` is `link_twice`."""

from collections.abc import Awaitable, Callable

from keyturn.probe.attack import Finding
from keyturn.probe.attacks import links, requests, tokens
from keyturn.probe.run import Run


def attack_named(name: str) -> Callable[[Run], Awaitable[Finding]]:
    """Return the function of an attack. It returns a finding, or raises one if it cannot go on."""
    functions = vars(links) | vars(requests) | vars(tokens)
    attack: Callable[[Run], Awaitable[Finding]] = functions[name.replace("-", "_")]
    return attack
