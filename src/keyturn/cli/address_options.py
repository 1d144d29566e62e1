"""Reads the addresses that commands take. It loads quickly, unlike `options`."""

import click

from keyturn.service import identifiers


def required_address(_: click.Context, __: click.Parameter, text: str) -> str:
    """Read the value of an argument. Raises InputInvalid."""
    return identifiers.parse_address(text)


def optional_address(_: click.Context, __: click.Parameter, text: str) -> str:
    """Read the value of an option that may be "". Raises InputInvalid."""
    return identifiers.parse_address(text) if text else ""
