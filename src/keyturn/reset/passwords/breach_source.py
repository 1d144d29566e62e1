"""Where the settings say that leaked passwords are looked for."""

from pathlib import Path

from keyturn.reset.passwords.breach_filter import BreachFilter
from keyturn.reset.passwords.breaches import Breaches
from keyturn.settings import BreachSettings
from keyturn.telemetry.meters import Meters


def breaches_for(settings: BreachSettings, meters: Meters) -> Breaches | None:
    """Return what looks into data leaks; None where nobody asked for it. Raises SettingsInvalid."""
    match settings.source:
        case "hibp":
            from keyturn.reset.passwords.breach_ranges import BreachRanges  # httpx takes 50 ms

            return Breaches(BreachRanges(settings.url), settings.timeout, meters)
        case "file":
            return Breaches(BreachFilter(Path(settings.file)), settings.timeout, meters)
        case "none":
            return None
