"""The parts of web addresses in mails, which may be any text."""

from urllib.parse import SplitResult, urlsplit


def split_address(address: str) -> SplitResult:
    """Return the parts of an address, empty ones if it has none, such as "https://[[name]]/"."""
    try:
        return urlsplit(address)
    except ValueError:  # brackets without an IP address
        return urlsplit("")


def host_of(address: str) -> str:
    return split_address(address).hostname or ""


def site_of(host: str) -> str:
    """Return the last two labels, which tell two parties apart without a list of public suffixes."""
    return ".".join(host.split(".")[-2:])
