"""What a studio keeps for its folder, and where it listens for the browsers that come by its
name.
"""

import socket
from pathlib import Path

import pytest

from keyturn.cli.sockets import listen_for_browsers
from keyturn.cli.studio.kept_token import kept_token, token_file
from keyturn.cli.terminal import CommandRefused

STRANGERS = "kT3vQ9mXh2Jr0pZsYc7LwA"


def test_a_restart_keeps_the_token(tmp_path: Path) -> None:
    """A studio that starts again has the token of its folder, which only its user can read."""
    file = tmp_path / "state" / "studio"
    token = kept_token(file)
    assert kept_token(file) == token
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("content", "mode"), [(STRANGERS, 0o644), (STRANGERS, 0o620), ("short", 0o600), ("", 0o600)]
)
def test_a_token_of_others_is_replaced(tmp_path: Path, content: str, mode: int) -> None:
    """A token that another user can have read or written is replaced, as is a file without one."""
    file = tmp_path / "studio"
    file.write_text(content)
    file.chmod(mode)
    token = kept_token(file)
    assert token not in ("", content)
    assert (file.read_text(), file.stat().st_mode & 0o777) == (token, 0o600)


def test_a_link_is_no_kept_token(tmp_path: Path) -> None:
    """A link to a file that a stranger knows gives no token."""
    (tmp_path / "known").write_text(STRANGERS)
    (tmp_path / "known").chmod(0o600)
    (tmp_path / "studio").symlink_to(tmp_path / "known")
    assert kept_token(tmp_path / "studio") != STRANGERS


def test_a_studio_starts_without_a_place_to_keep(tmp_path: Path) -> None:
    """Where nothing can be kept, as in a container without a home, each start has a new token."""
    (tmp_path / "file").touch()
    unwritable = tmp_path / "file" / "studio"
    assert kept_token(unwritable) != kept_token(unwritable)


def test_each_folder_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is kept with the user, not in the folder, which may come from a stranger."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files = {token_file(tmp_path / name) for name in ("shop", "school", "shop/../school")}
    assert len(files) == 2
    assert all(file.is_relative_to(tmp_path / "cache") for file in files)


@pytest.mark.parametrize(
    ("host", "other"),
    [
        ("127.0.0.1", "::1"),
        ("::1", "127.0.0.1"),
        ("0.0.0.0", "::1"),  # noqa: S104
    ],
)
def test_no_other_program_is_asked_for_the_name(host: str, other: str) -> None:
    """A studio holds its port at both loopback addresses: at a free one, another program could get
    its token.
    """
    bound = listen_for_browsers(host, 0)
    try:
        port = bound[0].getsockname()[1]
        with socket.create_connection((other, port)):
            pass
        with pytest.raises(CommandRefused, match="choose another port with --port"):
            listen_for_browsers(other, port)
    finally:
        for one in bound:
            one.close()


def test_a_host_that_cannot_be_listened_on_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a port that is taken at the other address leads to another try."""
    hosts = []
    bind = socket.socket.bind

    def note(bound: socket.socket, address: tuple[str, int]) -> None:
        hosts.append(address[0])
        bind(bound, address)

    monkeypatch.setattr(socket.socket, "bind", note)
    with pytest.raises(CommandRefused, match="choose another host with --host"):
        listen_for_browsers("192.0.2.1", 0)  # an address for documentation (RFC 5737)
    assert hosts == ["192.0.2.1"]
