"""The sockets that a command listens on: a port of this machine, or a file."""

import errno
import socket
import sys
from pathlib import Path

from keyturn.cli.terminal import CommandRefused
from keyturn.hosts import is_loopback_host

_LOOPBACK = ("127.0.0.1", "::1")

_LOOPBACK_OF_ALL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on
"""By hosts that stand for all addresses of a machine: the address by which it reaches itself."""

_COVERED = {"0.0.0.0": ("127.0.0.1",), "::": _LOOPBACK, "localhost": ("127.0.0.1",)}  # noqa: S104
"""By hosts: the loopback addresses at which a server with that host listens."""

_TRIES = 20  # free ports to try: each may be taken at the other loopback address
_BACKLOG = 2048  # connections that may wait until they are accepted, as in uvicorn


def listen(
    host: str, port: int, option: str = "--port", host_option: str = "--host"
) -> socket.socket:
    """Return a socket that listens.

    `option`, `host_option`: the options for another port and another host, for the error. Raises
    CommandRefused.
    """
    family = _family(host)
    # Without a protocol, asyncio does not set TCP_NODELAY on the connections, and an answer in two
    # parts waits 40 ms for the client's delayed acknowledgement (RFC 896, RFC 1122 4.2.3.2).
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if family == socket.AF_INET6:  # "::" accepts IPv4 as well, whatever the system's default is
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if sys.platform != "win32":  # on Windows it would let two programs share the port
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(_BACKLOG)
    except UnicodeError:  # the name of the host is not valid (RFC 5890), such as "a..b"
        bound.close()
        raise CommandRefused(
            f"cannot listen on {host}:{port} (not a valid host name): "
            f"choose another host with {host_option}"
        ) from None
    except OSError as error:
        bound.close()
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            choice = f"another host with {host_option}"
        else:
            choice = f"another port with {option}"
        raise CommandRefused(
            f"cannot listen on {host}:{port} ({error.strerror}): choose {choice}"
        ) from None
    return bound


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def listen_for_browsers(host: str, port: int) -> list[socket.socket]:
    """Return the sockets of a server that browsers of this machine reach by a name that ends in
    `.localhost`.

    The name stands for both loopback addresses, and a browser tries one after the other (RFC 6761,
    6.3; RFC 8305). If the server listened at one of them only, another user's program could listen
    at the other, and get what is meant for the server. Raises CommandRefused.
    """
    tries_left = _TRIES if port == 0 else 1
    while True:
        # A host that cannot be listened on is an error at the first try.
        first = listen(host, port)
        try:
            return [first, *_listen_at_loopback(host, first.getsockname()[1])]
        except CommandRefused:
            first.close()
            tries_left -= 1
            if not tries_left:
                raise


def _listen_at_loopback(host: str, port: int) -> list[socket.socket]:
    """Listen on a port at the loopback addresses that a host does not cover."""
    bound: list[socket.socket] = []
    try:
        for address in _not_covered(host):
            bound.append(listen(address, port))
    except CommandRefused:
        for one in bound:
            one.close()
        raise
    return bound


def _not_covered(host: str) -> list[str]:
    """Return the loopback addresses at which a server with that host does not listen yet.

    The list is empty for an address of a network: a name in `.localhost` does not stand for it.
    """
    if not (host in _COVERED or is_loopback_host(host)):
        return []
    covered = _COVERED.get(host, (host,))
    others = [address for address in _LOOPBACK if address not in covered]
    return [address for address in others if _has_address(address)]


def _has_address(address: str) -> bool:
    """Tell whether this machine has an address. Some machines have no IPv6."""
    try:
        with socket.socket(_family(address), socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def listen_at(path: Path) -> socket.socket:
    """Return a Unix socket that listens at a file, for the file's owner and group.

    The file of a program that has ended is replaced. Raises CommandRefused.
    """
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if path.is_socket() and probe.connect_ex(str(path)) == errno.ECONNREFUSED:
                path.unlink()
        bound.bind(str(path))
        path.chmod(0o660)  # in time: no client can connect before `listen`
        bound.listen(_BACKLOG)
    except OSError as error:  # if the path is too long, it has no errno
        bound.close()
        reason = error.strerror or error
        raise CommandRefused(
            f"cannot listen on {path} ({reason}): choose another file with --uds"
        ) from None
    return bound


def address_of(bound: socket.socket) -> str:
    """Return the address by which this machine reaches a socket that listens, for a URL."""
    host, port = bound.getsockname()[:2]  # IPv6 has two more
    return address_in_url(host, port)


def address_in_url(host: str, port: int) -> str:
    """Return the address by which this machine reaches a server with that host and port."""
    reached = _LOOPBACK_OF_ALL.get(host, host)
    return f"[{reached}]:{port}" if ":" in reached else f"{reached}:{port}"
