"""Every check there is, in the order in which they run."""

from functools import partial

from keyturn.lint.accessibility import check_accessibility
from keyturn.lint.clients import MAJOR, Clients
from keyturn.lint.compatibility import check_compatibility
from keyturn.lint.contrast import check_contrast
from keyturn.lint.document import Check
from keyturn.lint.links import check_links
from keyturn.lint.parity import check_parity
from keyturn.lint.safety import check_safety
from keyturn.lint.sizes import check_sizes


def checks_for(clients: Clients) -> tuple[Check, ...]:
    """Return the checks for mails that these clients will show."""
    return (
        check_safety,
        check_links,
        check_parity,
        check_accessibility,
        check_contrast,
        partial(check_compatibility, clients=clients),
        check_sizes,
    )


CHECKS: tuple[Check, ...] = checks_for(MAJOR)
