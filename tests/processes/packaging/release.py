"""A release: `just release` builds the wheel and the sdist, tries both in empty environments, and
writes an SBOM.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import bcrypt
from tests.commands.init.apps import BCRYPT
from tests.processes.adoption.story import EMAIL, NEW, Stack, beside, follow_init, reset_password
from tests.servers.processes import running_demo
from tests.servers.serving import held_ports
from tests.versions import CHECKOUT, empty_environment, uv

from keyturn import __version__

DIST = CHECKOUT / "dist"
PROJECT: Mapping[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))[
    "project"
]
REPOSITORY: str = PROJECT["urls"]["Repository"]
# No file of a release names the host of a package registry: mirrors and their keys differ from
# place to place.
REGISTRIES = re.compile(rb"\b(?:pypi|pythonhosted|npmjs)\.(?:org|com)\b")


class Unfit(Exception):
    """What keeps this version from its release, in a sentence."""


def main() -> int:
    try:
        require_origin(os.environ)
        notes = changelog_section((CHECKOUT / "CHANGELOG.md").read_text("utf-8"), __version__)
        with tempfile.TemporaryDirectory(prefix="keyturn-release-") as folder:
            made = release(Path(folder))
            DIST.mkdir(exist_ok=True)
            files = [Path(shutil.copy(file, DIST)) for file in made]
    except Unfit as reason:
        sys.stderr.write(f"release: {reason}\n")
        return 1
    sys.stdout.write(f"{notes}\n\n" + "".join(f"{file.relative_to(CHECKOUT)}\n" for file in files))
    return 0


def require_origin(environment: Mapping[str, str]) -> None:
    """Raise Unfit if a workflow of another repository, or of another version's tag, makes the
    release.
    """
    repository, tag = (
        environment.get(name, "") for name in ("GITHUB_REPOSITORY", "GITHUB_REF_NAME")
    )
    if repository and not REPOSITORY.endswith(f"github.com/{repository}"):
        raise Unfit(
            f"pyproject.toml says that the repository is {REPOSITORY}, and this is {repository}."
        )
    if environment.get("GITHUB_REF_TYPE") == "tag" and tag != f"v{__version__}":
        raise Unfit(
            f"The tag is {tag}, and the version in src/keyturn/__init__.py is {__version__}."
        )


def changelog_section(changelog: str, version: str) -> str:
    """Return what the changelog says about a version, without its heading, which has the version
    and its day.
    """
    heading = rf"(?m)^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)\n"
    _, *found = re.split(heading, changelog, maxsplit=1)
    if not found:
        raise Unfit(f'CHANGELOG.md has no section "## {version} (YEAR-MONTH-DAY)".')
    return re.split(r"(?m)^## ", found[0], maxsplit=1)[0].strip()


def release(folder: Path) -> list[Path]:
    """Build and test in a folder, and return the files of the release: wheel, sdist and SBOM."""
    uv("build", "--out-dir", str(folder))
    wheel, sdist = next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))
    sbom = folder / f"keyturn-{__version__}.cdx.json"
    run_tool("twine", "twine", "check", "--strict", str(wheel), str(sdist))
    with tempfile.TemporaryDirectory(prefix="keyturn-installed-") as place:
        python = installed(
            wheel, Path(place) / "environment", extras=PROJECT["optional-dependencies"]
        )
        try_out(command_beside(python), Path(place))
        sbom.write_text(bill_of_materials(python), "utf-8")
    with tempfile.TemporaryDirectory(prefix="keyturn-installed-") as place:
        finish_reset(command_beside(installed(sdist, Path(place) / "environment")), Path(place))
    made = [wheel, sdist, sbom]
    for file in made:
        require_no_registry(file)
    return made


def installed(package: Path, folder: Path, extras: Iterable[str] = ()) -> str:
    """Install a package with these extras into an empty environment, and return its Python."""
    python = empty_environment(folder, sys.executable)
    wanted = f"keyturn[{','.join(extras)}] @ {package.as_uri()}"
    uv("pip", "install", "--compile-bytecode", "--python", python, wanted)
    return python


def command_beside(python: str) -> str:
    """Return the command `keyturn` of an environment."""
    return str(Path(python).with_name("keyturn"))


def run_tool(package: str, *command: str) -> str:
    """Run a command of a package from PyPI, of a version up to pyproject's `exclude-newer`; return
    what it printed.
    """
    words = ["uv", "run", "--quiet", "--no-project", "--isolated", "--with", package, *command]
    done = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unfit(f"{' '.join(command[:2])} says:\n{done.stdout}{done.stderr}")
    return done.stdout


def try_out(keyturn: str, folder: Path) -> None:
    """Run the demo, the studio and the service of an installation, each in a folder of its own, and
    end each.
    """
    for words, path in (
        (("demo", "--port", "0"), "/forgot-password"),
        (("studio", "--port", "0", "--no-token"), "/studio"),
    ):
        place = folder / words[0]
        place.mkdir()
        with running_demo([keyturn, *words], place) as demo:
            with urllib.request.urlopen(demo.url + path, timeout=30) as answer:
                assert answer.status == 200
            code, said = demo.interrupt()
        assert code == 0, said
    finish_reset(keyturn, folder)


def finish_reset(keyturn: str, folder: Path) -> None:
    """Serve beside an app that has a table of users, ask for a link over HTTP, and use it."""
    place = folder / "app"
    place.mkdir()
    with closing(sqlite3.connect(place / "library.db")) as database, database:
        database.execute(
            'CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT UNIQUE, "passwordHash" TEXT)'
        )
        database.execute("INSERT INTO users VALUES ('7c9e6679', ?, ?)", [EMAIL, BCRYPT])
    stack = Stack(name="library", starts=(), sign_in="/login", database="sqlite:///library.db")
    with held_ports(2) as ports:
        url, app = (f"http://127.0.0.1:{port}" for port in ports)
        environment = follow_init(stack, place, {}, (url, app), [keyturn])
        with beside(place, url, environment, [keyturn]) as service:
            reset_password(service)
    with closing(sqlite3.connect(place / "library.db")) as database:
        (written,) = database.execute('SELECT "passwordHash" FROM users').fetchone()
    assert bcrypt.checkpw(NEW.encode(), written.encode())


def bill_of_materials(python: str) -> str:
    """Return a CycloneDX document of an environment: each package with version, licence and purl,
    without addresses.
    """
    options = ("--output-reproducible", "--short-PURLs", "--pyproject", "pyproject.toml")
    document = json.loads(
        run_tool("cyclonedx-bom", "cyclonedx-py", "environment", *options, python)
    )
    document["metadata"]["component"]["version"] = __version__
    return json.dumps(without_addresses(document), indent=1, sort_keys=True) + "\n"


def without_addresses(part: Any) -> Any:
    """Return a part of a CycloneDX document without its external references."""
    if isinstance(part, dict):
        return {
            name: without_addresses(value)
            for name, value in part.items()
            if name != "externalReferences"
        }
    return [without_addresses(value) for value in part] if isinstance(part, list) else part


def require_no_registry(file: Path) -> None:
    """Raise Unfit if a file of the release, or a file within it, names the host of a package
    registry.
    """
    for name, content in contents(file):
        if found := REGISTRIES.search(content):
            raise Unfit(f"{file.name} names {found[0].decode()} in {name}.")


def contents(file: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each file in an archive, or of the file itself."""
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as archive:
            yield from ((name, archive.read(name)) for name in archive.namelist())
    elif file.suffix == ".gz":
        with tarfile.open(file) as archive:
            opened = ((member.name, archive.extractfile(member)) for member in archive)
            yield from ((name, content.read()) for name, content in opened if content)
    else:
        yield file.name, file.read_bytes()


if __name__ == "__main__":
    sys.exit(main())
