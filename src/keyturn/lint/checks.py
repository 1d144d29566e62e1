"""Every check there is, in the order in which they run."""

from keyturn.lint.accessibility import check_accessibility
from keyturn.lint.compatibility import check_compatibility
from keyturn.lint.contrast import check_contrast
from keyturn.lint.document import Check
from keyturn.lint.links import check_links
from keyturn.lint.parity import check_parity
from keyturn.lint.safety import check_safety
from keyturn.lint.sizes import check_sizes

CHECKS: tuple[Check, ...] = (
    check_safety,
    check_links,
    check_parity,
    check_accessibility,
    check_contrast,
    check_compatibility,
    check_sizes,
)
