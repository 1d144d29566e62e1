"""Whether everything that Keyturn needs is there and works, and what to mend where it does not.

Each check has an end, and what one did not foresee hides none of the others' findings.
"""

from keyturn.doctor.domain import Dns
from keyturn.doctor.examination import examine
from keyturn.finding import Finding

__all__ = ["Dns", "Finding", "examine"]
