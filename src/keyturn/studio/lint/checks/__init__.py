"""All checks, in the order in which they run."""

from collections.abc import Iterable, Mapping
from functools import partial

from keyturn.studio.lint.checks import accessibility, links, parts, safety, selectors
from keyturn.studio.lint.clients.clients import clients_in
from keyturn.studio.lint.clients.features import check_compatibility
from keyturn.studio.lint.document import Check

_OF_ALL_PARTS: tuple[Check, ...] = (
    parts.check_byte_order_marks,
    parts.check_subject,
    parts.check_parity,
    parts.check_undefined,
)
TEXT_CHECKS: tuple[Check, ...] = (links.check_links_in_text, *_OF_ALL_PARTS)  # of a mail that is text alone


def checks_for(groups: Iterable[str] = (), audits: Mapping[str, str] = {}) -> tuple[Check, ...]:
    """Return the checks for groups of mail clients. `audits`: what mails declare, by name. Raises UnknownClients."""
    return (
        partial(safety.check_safety, audits=audits),
        partial(check_compatibility, clients=clients_in(groups)),
        parts.check_comments,
        links.check_links,
        selectors.check_selectors,
        accessibility.check_language_and_title,
        accessibility.check_headings,
        accessibility.check_texts,
        accessibility.check_contrast,
        parts.check_sizes,
        *_OF_ALL_PARTS,
    )


CHECKS = checks_for()
