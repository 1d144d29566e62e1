"""The wheel alone, in an empty environment, runs the demo: nothing of the checkout is needed."""

import subprocess
import urllib.request
from pathlib import Path

import pytest
from tests.servers.processes import running_demo

pytestmark = pytest.mark.long

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(["uv", "build", "--wheel", "--out-dir", folder, CHECKOUT], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def keyturn(wheel: Path) -> Path:
    return installed(wheel, wheel.parent / "plain", "keyturn")


def installed(wheel: Path, environment: Path, requirement: str) -> Path:
    """Install the wheel into an environment of its own; return the command."""
    subprocess.run(["uv", "venv", environment], check=True, capture_output=True)
    install = ["uv", "pip", "install", "--no-compile-bytecode", "--python", str(environment)]
    subprocess.run([*install, f"{requirement} @ {wheel.as_uri()}"], check=True, capture_output=True, cwd=CHECKOUT)
    return environment / "bin" / "keyturn"


def test_the_demo_runs_from_it_and_says_where_mails_are_and_how_to_get_the_studio(
    keyturn: Path, tmp_path: Path
) -> None:
    with running_demo([str(keyturn), "demo", "--port", "0"], tmp_path) as demo:
        for path in ("/forgot-password", "/login", "/schema", "/health/ready"):
            with urllib.request.urlopen(demo.url + path, timeout=30) as answer:
                assert answer.status == 200
        assert demo.interrupt()[0] == 0
    assert f"  Mails sent         {tmp_path / '.keyturn' / 'mail'}\n" in demo.greeting
    assert "  The studio needs: pip install 'keyturn[studio]'\n" in demo.greeting
