"""What a part reports to, in one value."""

import msgspec

from keyturn.telemetry.meters import Meters
from keyturn.telemetry.tracing import Tracing


class Telemetry(msgspec.Struct, frozen=True):
    """The meters and the tracing of a process; without any, nothing is kept."""

    meters: Meters = msgspec.field(default_factory=Meters)
    tracing: Tracing = msgspec.field(default_factory=Tracing)
