"""Real directories for tests, on 127.0.0.1: OpenLDAP's slapd, and Samba as a domain controller of
Active Directory.
"""

import base64
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from tests.programs import require_program, search_path
from tests.servers.databases import in_memory
from tests.servers.samba_inside import forward
from tests.servers.serving import held_ports, make_certificates

Values = Mapping[str, str | bytes | Sequence[str]]

SLAPD_CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
{modules}
TLSCACertificateFile {folder}/root.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
database config
rootdn cn=admin,cn=config
rootpw admin
database mdb
maxsize 16777216
suffix {suffix}
rootdn {admin}
rootpw admin
directory {folder}/data
{policy}
access to attrs=userPassword by dn.exact="cn=keyturn,{suffix}" =xw
  by self write by anonymous auth by * none
access to * by dn.exact="cn=keyturn,{suffix}" read
  by dn.exact="cn=reader,{suffix}" read by * none
"""

POLICY = """index objectClass,entryUUID,mail eq
overlay ppolicy
ppolicy_default cn=default,{suffix}
ppolicy_hash_cleartext
access to attrs=pwdReset,pwdAccountLockedTime by dn.exact="cn=keyturn,{suffix}" write by * none"""

SERVICE_PASSWORD = "a service account"
"""That of cn=keyturn, and of cn=reader, which may only read."""


class DirectoryServer:
    """A running server.

    `ldap_port` and `ldaps_port`: on 127.0.0.1. `root`: the authority of its certificate.

    `admin`: the name of an account that may do anything, with the password of the same name.
    """

    def __init__(self, folder: Path, suffix: str, admin: str, password: str) -> None:
        self.folder, self.suffix, self.admin, self.password = folder, suffix, admin, password
        self.root = folder / "root.pem"
        self.ldap_port = self.ldaps_port = 0

    @property
    def url(self) -> str:
        return f"ldaps://localhost:{self.ldaps_port}"

    @property
    def plain_url(self) -> str:
        return f"ldap://localhost:{self.ldap_port}"

    def add(self, dn: str, values: Values) -> None:
        self.change(f"dn: {dn}\nchangetype: add\n{''.join(map(_values, values, values.values()))}")

    def replace(self, dn: str, values: Values) -> None:
        parts = [f"replace: {name}\n{_values(name, value)}-\n" for name, value in values.items()]
        self.change(f"dn: {dn}\nchangetype: modify\n{''.join(parts)}")

    def change(self, ldif: str, admin: str = "", password: str = "") -> None:
        """Do what LDIF says, as the administrator or another entry."""
        told = self._run("ldapmodify", admin or self.admin, password or self.password, given=ldif)
        assert told.returncode == 0, f"{told.stderr}\n{ldif}"

    def attributes(
        self, dn: str, *names: str, bind: tuple[str, str] | None = None
    ) -> dict[str, str]:
        """Return the first values of an entry's attributes, as the administrator or another entry
        may read them.
        """
        options = ("-LLL", "-o", "ldif-wrap=no", "-s", "base", "-b", dn, *(names or ("*", "+")))
        told = self._run("ldapsearch", *(bind or (self.admin, self.password)), *options)
        assert told.returncode == 0, told.stderr
        lines = [line.partition(": ") for line in told.stdout.splitlines()]
        return {name: value for name, colon, value in reversed(lines) if colon}

    def binds(self, dn: str, password: str) -> bool:
        return self._run("ldapsearch", dn, password, "-s", "base", "-b", "", "1.1").returncode == 0

    def _run(
        self, program: str, admin: str, password: str, *options: str, given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        command = [
            require_program(program, "ldap-utils"),
            "-x",
            "-H",
            self.url,
            "-D",
            admin,
            "-w",
            password,
            *options,
        ]
        environ = {"LDAPTLS_REQCERT": "never", "PATH": os.defpath}
        return subprocess.run(
            command,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            env=environ,
            timeout=60,
        )


def _values(name: str, value: str | bytes | Sequence[str]) -> str:
    written = [value] if isinstance(value, str | bytes) else list(value)
    plain = [one.encode() if isinstance(one, str) else bytes(one) for one in written]
    return "".join(f"{name}:: {base64.b64encode(one).decode()}\n" for one in plain)


@contextmanager
def running_slapd(*, is_bare: bool = False) -> Iterator[DirectoryServer]:
    """Run OpenLDAP with one database. Only the administrators may read or write it.

    `is_bare`: as Debian installs it, without a password policy and the indexes that Keyturn needs.
    """
    slapd = require_program("slapd", "slapd")
    require_program("ldapmodify", "ldap-utils")
    with TemporaryDirectory(prefix="keyturn-", dir=in_memory()) as name, held_ports(2) as ports:
        folder, suffix = Path(name), "dc=northwind,dc=test"
        server = DirectoryServer(folder, suffix, f"cn=admin,{suffix}", "admin")
        server.ldap_port, server.ldaps_port = ports
        make_certificates(folder)
        for part in ("data", "config"):
            (folder / part).mkdir()
        modules, policy = (
            ("", "index objectClass eq")
            if is_bare
            else ("moduleload ppolicy", POLICY.format(suffix=suffix))
        )
        parts = {
            "folder": folder,
            "suffix": suffix,
            "admin": server.admin,
            "modules": modules,
            "policy": policy,
        }
        (folder / "slapd.conf").write_text(SLAPD_CONF.format(**parts))
        files = ["-f", f"{folder}/slapd.conf", "-F", f"{folder}/config"]
        subprocess.run(
            [f"{slapd.removesuffix('slapd')}slaptest", *files], capture_output=True, check=False
        )
        urls = f"ldap://127.0.0.1:{server.ldap_port} ldaps://127.0.0.1:{server.ldaps_port}"
        command = [slapd, "-h", urls, "-F", f"{folder}/config", "-d", "none"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr
        # It complains of each search without an index, and would stop once the pipe is full.
        drain = Thread(target=process.stderr.read, daemon=True)
        try:
            told = []
            for line in process.stderr:
                told.append(line)
                if "slapd starting" in line:
                    break
            else:
                raise AssertionError("".join(told))
            drain.start()
            while not server.binds(
                server.admin, server.password
            ):  # it says that it starts before it answers
                assert process.poll() is None, "slapd has ended"
                time.sleep(0.1)
            server.add(
                suffix,
                {"objectClass": ["dcObject", "organization"], "dc": "northwind", "o": "Northwind"},
            )
            for service in ("keyturn", "reader"):
                classes = ["organizationalRole", "simpleSecurityObject"]
                server.add(
                    f"cn={service},{suffix}",
                    {"objectClass": classes, "userPassword": SERVICE_PASSWORD},
                )
            yield server
        finally:
            process.terminate()
            process.wait(timeout=30)
            if drain.is_alive():
                drain.join(timeout=30)
            process.stderr.close()


@contextmanager
def running_samba() -> Iterator[DirectoryServer]:
    """Run a domain controller whose password rules are off.

    Samba listens on fixed ports, so it runs in a network namespace of its own, and is reached
    through Unix sockets.
    """
    samba = require_program("samba", "samba-ad-dc samba-ad-provision")
    tool = require_program("samba-tool", "samba-ad-dc samba-ad-provision")
    unshare = require_program("unshare", "util-linux")
    require_program("ldapmodify", "ldap-utils")
    with TemporaryDirectory(prefix="keyturn-") as name, ExitStack() as stack:
        folder, suffix, password = Path(name), "DC=northwind,DC=test", "Adm1n-of-northwind"
        server = DirectoryServer(folder, suffix, "administrator@northwind.test", password)
        make_certificates(folder)
        options = {
            "interfaces": "lo",
            "bind interfaces only": "yes",
            "log file": f"{folder}/log.%m",
        }
        provision = [
            "--realm=NORTHWIND.TEST",
            "--domain=NORTHWIND",
            f"--adminpass={password}",
            "--server-role=dc",
            "--dns-backend=NONE",
            "--host-name=dc1",
            "--host-ip=127.0.0.1",
            f"--targetdir={folder}/dc",
            *(f"--option={key}={value}" for key, value in options.items()),
        ]
        subprocess.run(
            [tool, "domain", "provision", *provision],
            check=True,
            capture_output=True,
            env={"PATH": search_path()},
        )
        tls = {"tls cafile": "root.pem", "tls certfile": "server.pem", "tls keyfile": "server.key"}
        # Two domain controllers on one machine share none of these.
        own = dict.fromkeys(
            (
                "pid directory",
                "ncalrpc dir",
                "ntp signd socket directory",
                "winbindd socket directory",
            ),
            "run",
        )
        settings = [f"--option={key}={folder}/{file}" for key, file in (tls | own).items()]
        (folder / "run").mkdir()
        command = [
            samba,
            "-i",
            "-M",
            "single",
            "--no-process-group",
            "-s",
            f"{folder}/dc/etc/smb.conf",
            *settings,
            "--option=server services=ldap",
        ]
        inside = [
            unshare,
            "-rn",
            sys.executable,
            str(Path(__file__).with_name("samba_inside.py")),
            str(folder),
        ]
        process = subprocess.Popen(
            [*inside, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": search_path()},
        )
        stack.callback(_end, process)
        assert process.stdout
        assert process.stdout.readline() == "ready\n", "Samba does not start"
        server.ldap_port = stack.enter_context(_forwarding(folder / "389"))
        server.ldaps_port = stack.enter_context(_forwarding(folder / "636"))
        rules = {
            "pwdProperties": "0",
            "minPwdLength": "0",
            "pwdHistoryLength": "0",
            "minPwdAge": "0",
        }
        server.replace(suffix, rules)
        yield server


def _end(process: subprocess.Popen[str]) -> None:
    """Close the process's input, at which it ends Samba."""
    with suppress(BrokenPipeError):
        process.communicate(timeout=30)


@contextmanager
def _forwarding(target: Path) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=forward, args=(listener, lambda: _unix(target)), daemon=True).start()
        yield listener.getsockname()[1]


def _unix(path: Path) -> socket.socket:
    there = socket.socket(socket.AF_UNIX)
    there.connect(str(path))
    return there
