"""`keyturn serve` behind the nginx and the Caddy of deploy/, on ports of the loopback."""

import os
import signal
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import msgspec
import trustme
from tests.processes.deploy.sandbox import DEPLOY
from tests.servers.processes import Running, running_program
from tests.servers.serving import held_ports

HOST = "account.northwind.example"
ONE, OTHER = "127.0.0.5", "127.0.0.6"
"""Two clients: addresses of the loopback that connections come from."""

JSON = {"content-type": "application/json"}

_DEBIANS_NGINX = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 768; }}
http {{
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    access_log {folder}/access.log;
    gzip on;
    include {folder}/keyturn.conf;
}}
"""
"""What counts of Debian's /etc/nginx/nginx.conf, with its paths in a folder of the test's own."""


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """A proxy with a certificate for `HOST`, in front of `serve` at `direct`.

    On `plain_port` it speaks no TLS.
    """

    name: str
    process: Running
    serve: Running
    folder: Path
    state: Path
    port: int
    plain_port: int
    direct: str
    tls: ssl.SSLContext

    def connect(self, sent: bytes, client: str = ONE) -> socket.socket:
        plain = socket.create_connection(
            ("127.0.0.1", self.port), timeout=20, source_address=(client, 0)
        )
        connection = self.tls.wrap_socket(plain, server_hostname=HOST)
        connection.sendall(sent)
        return connection

    def client(self, address: str = ONE, headers: Mapping[str, str] | None = None) -> httpx2.Client:
        transport = httpx2.HTTPTransport(verify=self.tls, local_address=address)
        hook = {"request": [lambda request: request.extensions.update(sni_hostname=HOST)]}
        return httpx2.Client(
            transport=transport,
            base_url=f"https://127.0.0.1:{self.port}",
            timeout=20,
            event_hooks=hook,
            headers={"host": HOST, **(headers or {})},
        )

    def answer(
        self, method: str, path: str, body: bytes = b"", client: str = ONE, **headers: str
    ) -> httpx2.Response:
        with self.client(client, {**JSON, **headers}) as http:
            return http.request(method, path, content=body)

    def logs(self) -> str:
        """End the proxy once its last request has ended, and return all that it has written."""
        self.process.end(signal.SIGQUIT if self.name == "nginx" else signal.SIGTERM)
        files = sorted(self.folder.glob("*.log"))
        assert files
        return "\n".join([*(file.read_text("utf-8") for file in files), *self.process.said])


@contextmanager
def running_proxy(
    name: str, program: str, serve: Running, folder: Path, state: Path
) -> Iterator[Proxy]:
    """Run the proxy that `name` says, "nginx" or "caddy", in front of `serve`."""
    direct = urlsplit(serve.wait_for("Keyturn answers on ").rpartition(" ")[2]).netloc
    authority = trustme.CA()
    issued = authority.issue_cert(HOST)
    issued.private_key_pem.write_to_path(folder / "account.key")
    issued.cert_chain_pems[0].write_to_path(folder / "account.pem")
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    with ExitStack() as stack:
        port, plain_port = stack.enter_context(held_ports(2))
        write = {"nginx": _write_nginx, "caddy": _write_caddy}[name]
        words = write(program, folder, direct, port, plain_port)
        environment = {"HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        process = stack.enter_context(running_program(words, folder, **environment))
        wait_until_it_listens(process, port, plain_port)
        places = {
            "folder": folder,
            "state": state,
            "port": port,
            "plain_port": plain_port,
            "direct": direct,
        }
        yield Proxy(name=name, process=process, serve=serve, tls=tls, **places)  # type: ignore[arg-type]


def wait_until_it_listens(process: Running, *ports: int) -> None:
    """Try each port until it accepts a connection.

    Caddy says that it listens in its log file only.
    """
    deadline = time.monotonic() + 30
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except OSError:
                assert process.process.poll() is None, "\n".join(process.said)
                assert time.monotonic() < deadline, "\n".join(process.said)
                time.sleep(0.05)


def _write_nginx(program: str, folder: Path, direct: str, port: int, plain_port: int) -> list[str]:
    site = replaced(
        DEPLOY / "nginx" / "keyturn.conf",
        ("server 127.0.0.1:8000;", f"server {direct};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("listen 80;", f"listen 127.0.0.1:{plain_port};"),
        ("/etc/ssl/", f"{folder}/"),
        ("/var/log/nginx/", f"{folder}/"),
    )
    (folder / "keyturn.conf").write_text(site, "utf-8")
    user = "user root;" if os.geteuid() == 0 else ""
    file = folder / "nginx.conf"
    file.write_text(_DEBIANS_NGINX.format(folder=folder, user=user), "utf-8")
    return [program, "-e", "stderr", "-c", str(file), "-g", "error_log stderr notice;"]


def _write_caddy(program: str, folder: Path, direct: str, port: int, plain_port: int) -> list[str]:
    own = (
        f"{{\n\tadmin off\n\tdefault_bind 127.0.0.1\n\thttp_port {plain_port}\n\thttps_port "
        f"{port}\n"
    )
    site = replaced(
        DEPLOY / "caddy" / "Caddyfile",
        ("\n{\n", f"\n{own}"),
        ("reverse_proxy 127.0.0.1:8000 {", f"reverse_proxy {direct} {{"),
        (
            "#tls /etc/ssl/account.pem /etc/ssl/account.key",
            "tls /etc/ssl/account.pem /etc/ssl/account.key",
        ),
        ("/etc/ssl/", f"{folder}/"),
        ("/var/log/caddy/", f"{folder}/"),
    )
    file = folder / "Caddyfile"
    file.write_text(site, "utf-8")
    return [program, "run", "--adapter", "caddyfile", "--config", str(file)]


def replaced(file: Path, *pairs: Sequence[str]) -> str:
    text = file.read_text("utf-8")
    for written, here in pairs:
        assert written in text, written
        text = text.replace(written, here)
    return text
