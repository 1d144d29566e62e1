"""What `just release` makes, and what it refuses."""

import email
import email.policy
import json
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.processes.packaging import release
from tests.versions import CHECKOUT, uv

import keyturn

pytestmark = pytest.mark.long

RAW = release.REPOSITORY.replace("https://github.com/", "https://raw.githubusercontent.com/")
REGISTRY = "{}.org".format("pypi")  # no file names the host itself


def test_a_release_runs_from_wheel_and_sdist_and_lists_its_packages_without_addresses(
    tmp_path: Path,
) -> None:
    """`release` resets a password with each: with the wheel and all extras, and with the sdist and
    none.
    """
    wheel, sdist, sbom = release.release(tmp_path)
    text = sbom.read_text("utf-8")
    document = json.loads(text)
    purls = {part["purl"] for part in document["components"]}
    names = {purl.removeprefix("pkg:pypi/").partition("@")[0] for purl in purls}
    assert keyturn.__version__ == version("keyturn")
    assert wheel.name == f"keyturn-{keyturn.__version__}-py3-none-any.whl"
    assert sdist.name == f"keyturn-{keyturn.__version__}.tar.gz"
    assert (document["bomFormat"], document["metadata"]["component"]["version"]) == (
        "CycloneDX",
        keyturn.__version__,
    )
    assert {"litestar", "asyncpg", "watchfiles"} < names
    assert [purl for purl in purls if not re.fullmatch(r"pkg:pypi/[\w.-]+@\d[\w.]*", purl)] == []
    assert re.findall(r'"[^"]*://[^"]*"', text) == [f'"{document["$schema"]}"']
    assert str(CHECKOUT) not in text


def test_each_picture_and_each_link_of_the_package_s_page_leads_to_a_file_of_this_version(
    tmp_path: Path,
) -> None:
    uv("build", "--wheel", "--out-dir", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    (metadata,) = [
        content for name, content in release.contents(wheel) if name.endswith(".dist-info/METADATA")
    ]
    page = str(email.message_from_bytes(metadata, policy=email.policy.default).get_content())
    raw, blob = (
        f"{place}/v{keyturn.__version__}/" for place in (RAW, f"{release.REPOSITORY}/blob")
    )
    pictures = re.findall(r'<(?:img|source)[^>]* (?:src|srcset)="([^"]*)"', page)
    links = [link for link in re.findall(r"\]\(([^)]*)\)", page) if not link.startswith("#")]
    files = [place.removeprefix(raw) for place in pictures]
    files += [place.removeprefix(blob).partition("#")[0] for place in links]
    assert len(pictures) == (CHECKOUT / "README.md").read_text("utf-8").count("docs/images/") >= 5
    assert len(links) >= 30
    assert [file for file in files if not (CHECKOUT / file).exists()] == []


def test_every_file_names_the_owner_of_the_repository_as_pyproject_does() -> None:
    search = ["git", "grep", "-hoE", r"github(usercontent)?\.com/[A-Za-z0-9-]+/keyturn\b"]
    named = subprocess.run(
        search, cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert {address.split("/")[1] for address in named} == {release.REPOSITORY.split("/")[-2]}
    assert {place.startswith(release.REPOSITORY) for place in release.PROJECT["urls"].values()} == {
        True
    }


@pytest.mark.parametrize("kind", ["notes.json", "keyturn.whl", "keyturn.tar.gz"])
def test_a_file_that_names_the_host_of_a_registry_is_refused(tmp_path: Path, kind: str) -> None:
    notes, file = tmp_path / "notes.json", tmp_path / kind
    notes.write_text(f'"https://files.{REGISTRY}/keyturn"', "utf-8")
    if file.suffix != ".json":
        made = shutil.make_archive(
            str(tmp_path / "made"), "zip" if file.suffix == ".whl" else "gztar", tmp_path
        )
        Path(made).rename(file)
    with pytest.raises(release.Unfit, match=rf"{kind} names {REGISTRY} in (\./)?notes.json"):
        release.require_no_registry(file)


def test_the_notes_are_the_section_of_this_version_which_has_a_day() -> None:
    changelog = (
        "# Changelog\n\n## 2.0.0 (2027-01-02)\n\n* Second.\n\n### Mails\n\n"
        "## 1.0.0 (2026-12-01)\n\n* First.\n"
    )
    assert release.changelog_section(changelog, "2.0.0") == "* Second.\n\n### Mails"
    assert release.changelog_section(changelog, "1.0.0") == "* First."
    assert release.changelog_section(
        (CHECKOUT / "CHANGELOG.md").read_text("utf-8"), keyturn.__version__
    )
    for heading in ("## 1.0.0 (unreleased)", "## 1.0.0", "## 1.0.0rc1 (2026-11-24)"):
        with pytest.raises(release.Unfit, match="no section"):
            release.changelog_section(f"# Changelog\n\n{heading}\n\n* First.\n", "1.0.0")


def test_a_workflow_of_another_repository_or_another_tag_is_refused() -> None:
    repository = release.REPOSITORY.removeprefix("https://github.com/")
    usual = {
        "GITHUB_REPOSITORY": repository,
        "GITHUB_REF_TYPE": "tag",
        "GITHUB_REF_NAME": f"v{keyturn.__version__}",
    }
    for fine in (usual, {}):
        release.require_origin(fine)
    for name, value, reason in (
        ("GITHUB_REPOSITORY", "someone/keyturn-fork", "this is someone/keyturn-fork"),
        ("GITHUB_REF_NAME", "v0.9", "The tag is v0.9"),
        ("GITHUB_REF_NAME", keyturn.__version__, "The tag is 1"),
    ):
        with pytest.raises(release.Unfit, match=reason):
            release.require_origin(usual | {name: value})
