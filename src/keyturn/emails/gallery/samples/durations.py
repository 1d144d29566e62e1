"""Durations as people and files write them: "30 minutes", "PT30M"."""

import re
from datetime import timedelta

import msgspec

_UNITS = (("day", "D", 86_400), ("hour", "H", 3600), ("minute", "M", 60), ("second", "S", 1))
_IN_WORDS = re.compile(
    r"(?<!\d)(\d+(?:\.\d+)?)\s*(?:(w|weeks?)|(d|days?)|(h|hrs?|hours?)|(m|mins?|minutes?)|(s|secs?|seconds?))(?![a-z])[\s,]*(?:and\s+)?",
    re.IGNORECASE,
)
_SECONDS = (604_800, 86_400, 3600, 60, 1)


def in_words(span: timedelta) -> str:
    """Return "1 hour 30 minutes". A span that is not in whole seconds, or negative, stays in ISO 8601."""
    seconds = span.total_seconds()
    if seconds < 0 or seconds != int(seconds):
        return in_iso(span)
    parts = [f"{count} {name}{'' if count == 1 else 's'}" for name, _, count in _count_units(int(seconds))]
    return " ".join(parts) or "0 minutes"


def in_iso(span: timedelta) -> str:
    """Return ISO 8601, "PT1H30M": what msgspec reads, in the units that people use."""
    seconds = span.total_seconds()
    if seconds != int(seconds):
        return str(msgspec.to_builtins(span))
    counted = _count_units(abs(int(seconds)))
    days = "".join(f"{count}D" for _, letter, count in counted if letter == "D")
    clock = "".join(f"{count}{letter}" for _, letter, count in counted if letter != "D")
    return f"{'-' if seconds < 0 else ''}P{days}{f'T{clock}' if clock else ''}" if counted else "PT0S"


def read_duration(text: str) -> timedelta:
    """Read either form. Raises ValueError with what to write instead."""
    text = text.strip()
    try:
        return msgspec.convert(text.upper(), timedelta)
    except msgspec.ValidationError:
        found = list(_IN_WORDS.finditer(text))
    if not found or "".join(match[0] for match in found) != text:
        raise ValueError('Not a duration: write "30 minutes", "1 hour 30 minutes" or "PT30M".')
    try:
        return sum((_span(match) for match in found), timedelta())
    except OverflowError as error:
        raise ValueError("That is longer than a duration can be.") from error


def _count_units(seconds: int) -> list[tuple[str, str, int]]:
    counted = []
    for name, letter, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            counted.append((name, letter, count))
    return counted


def _span(match: re.Match[str]) -> timedelta:
    unit = next(at for at, group in enumerate(match.groups()[1:]) if group)
    return timedelta(seconds=float(match[1]) * _SECONDS[unit])
