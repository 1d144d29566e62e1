"""All checks, in the order in which they run."""

from collections.abc import Iterable, Mapping
from functools import partial

from keyturn.studio.lint.checks.accessibility import check_accessibility, check_contrast
from keyturn.studio.lint.checks.comments import check_comments, check_unclosed_elements
from keyturn.studio.lint.checks.compatibility import check_compatibility
from keyturn.studio.lint.checks.links import check_links, check_links_in_text
from keyturn.studio.lint.checks.parts import (
    check_byte_order_marks,
    check_parity,
    check_sizes,
    check_subject,
    check_undefined,
)
from keyturn.studio.lint.checks.safety import check_safety
from keyturn.studio.lint.checks.selectors import check_selectors
from keyturn.studio.lint.clients.clients import clients_in
from keyturn.studio.lint.document import Check


def checks_for(groups: Iterable[str] = (), audits: Mapping[str, str] = {}) -> tuple[Check, ...]:
    """Return the checks for these groups of mail clients. `audits`: what mails declare about their audit, by name.

    Raises UnknownClients.
    """
    return (
        partial(check_safety, audits=audits),
        check_comments,
        check_unclosed_elements,
        check_links,
        check_selectors,
        check_byte_order_marks,
        check_subject,
        check_parity,
        check_accessibility,
        check_contrast,
        partial(check_compatibility, clients=clients_in(groups)),
        check_sizes,
        check_undefined,
    )


TEXT_CHECKS: tuple[Check, ...] = (
    check_links_in_text,
    check_byte_order_marks,
    check_subject,
    check_parity,
    check_undefined,
)
"""The checks of a mail that consists of text alone."""

CHECKS: tuple[Check, ...] = checks_for()
