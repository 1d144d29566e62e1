"""Folders of templates that are not Keyturn's own, on the command line."""

import json
import shutil
import sys
from pathlib import Path

import click
import pytest
from tests.commands.command import Keyturn
from tests.studio.folders import FOLDERS, written

from keyturn.cli.studio.folders import Source, open_folder, service_settings
from keyturn.cli.studio.studio import studio

pytestmark = pytest.mark.long

EXAMPLE = Path(__file__).parents[3] / "examples" / "shop-mails"


@pytest.fixture
def shop(workplace: Path) -> Path:
    shutil.copytree(FOLDERS / "shop", workplace / "templates" / "emails")
    return workplace / "templates" / "emails"


def test_a_mail_of_any_folder_is_rendered(keyturn: Keyturn, shop: Path) -> None:
    shown = keyturn("render", "reset_password", "--dir", str(shop), "--format", "json")

    assert (shown.code, shown.err) == (0, "")
    mail = json.loads(shown.out)
    assert (mail["subject"], "https://www.example.com/reset/" in mail["html"]) == ("Choose a new password", True)
    there = "order_confirmation, order_shipped, reset_password"
    told = keyturn("render", "reset", "--dir", str(shop)).err
    assert told == f"keyturn: there is no template reset; there are {there}\n"


def test_a_folder_that_is_set_needs_no_name(keyturn: Keyturn, shop: Path) -> None:
    Path("pyproject.toml").write_text(
        f'[tool.keyturn.studio]\nfolder = "{shop.relative_to(Path.cwd())}"\nclients = ["thunderbird"]\n'
    )

    shown = keyturn("check", "--only", "jinja")

    assert shown.code == 1
    assert "templates/emails/order_shipped.html:12:118  error  jinja/unknown-filter" in shown.out
    assert "1 error in 3 templates, 4 mails." in shown.out


@pytest.mark.parametrize("command", [("check",), ("studio",), ("render", "welcome", "--dir")])
@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("templates/email", "there is no folder templates/email; did you mean emails?"),
        ("templates/pages", "there is no folder templates/pages"),
        ("mails", "there is no folder mails"),
        ("templates/emails/base.html", "templates/emails/base.html is a file; name its folder: templates/emails"),
    ],
)
@pytest.mark.usefixtures("shop")
def test_a_missing_folder_is_refused(keyturn: Keyturn, command: tuple[str, ...], named: str, message: str) -> None:
    refused = keyturn(*command, named)

    assert (refused.code, refused.err) == (1, f"keyturn: {message}\n")


def test_a_folder_without_templates_is_told_what_would_be_one_or_is_ignored(keyturn: Keyturn, shop: Path) -> None:
    (shop.parent / "pages").mkdir()
    (shop / "keyturn.toml").write_text('[studio]\nignore = ["*"]\n')
    for name, why in (
        ("pages", "has no templates: files that end in .mjml or .html, with or without .j2"),
        ("emails", "has no templates: files that end in .mjml or .html, with or without .j2, but for ignore = ['*']"),
    ):
        refused = keyturn("check", f"templates/{name}")
        assert (refused.code, refused.err) == (1, f"keyturn: templates/{name} {why}\n")


@pytest.mark.parametrize("command", [("check",), ("render", "reset_password")])
@pytest.mark.parametrize("setting", ["env = 'hostile:environment'", "props = 'hostile'"])
def test_code_that_a_folder_s_settings_name_runs_only_where_it_is_trusted(
    keyturn: Keyturn, shop: Path, command: tuple[str, ...], setting: str
) -> None:
    made = "from jinja2 import Environment\nenvironment = Environment()\n"
    Path("hostile.py").write_text(f"import pathlib\npathlib.Path('ran').touch()\n{made}")
    Path("pyproject.toml").write_text(f'[tool.keyturn.studio]\nfolder = "{shop}"\n{setting}\n')

    refused = keyturn(*command)

    assert refused.code == 1
    name, _, value = setting.replace("'", '"').partition(" = ")
    assert refused.err == (
        f"keyturn: The settings have errors:\n  {Path('pyproject.toml').resolve()} {name}: would run the code of "
        f"{value}; if you trust the folder, add --trust\n"
    )
    assert not Path("ran").exists()
    assert "hostile" not in keyturn(*command, "--trust").err
    assert Path("ran").exists()
    sys.modules.pop("hostile")


@pytest.mark.parametrize("command", [("check",), ("render", "config", "--dir")])
@pytest.mark.parametrize("named", ["emails", "emails/deep"])
def test_a_link_in_place_of_a_folder_is_not_followed_out_of_the_repository(
    keyturn: Keyturn, workplace: Path, tmp_path_factory: pytest.TempPathFactory, command: tuple[str, ...], named: str
) -> None:
    home = tmp_path_factory.mktemp("home")
    for folder in (home, home / "deep"):
        folder.mkdir(exist_ok=True)
        (folder / "config.html").write_text("<p>c2VjcmV0</p>")
    (workplace / ".git").mkdir()
    (workplace / "emails").symlink_to(home)

    refused = keyturn(*command, named)

    assert refused.code == 1
    assert f"{named} is a link that leads out of {workplace}; if you trust the folder, add --trust" in refused.err
    assert "c2VjcmV0" not in refused.out + refused.err
    assert "leads out" not in keyturn(*command, named, "--trust").err
    (workplace / ".git").rmdir()
    assert "leads out" not in keyturn(*command, named).err, "without a repository, the link is as good as the folder"


@pytest.mark.parametrize(
    "link",
    [
        *("emails/config.json", "emails/config.toml", "emails/samples/config.toml", "emails/samples"),
        *("samples/config.toml", "samples", "emails/locales/de/LC_MESSAGES/a.po", "emails/part.html"),
    ],
)
@pytest.mark.parametrize("place", ["outside", ".git"])
def test_a_finding_about_a_link_shows_nothing_of_the_file_that_it_leads_to(
    keyturn: Keyturn, workplace: Path, tmp_path_factory: pytest.TempPathFactory, link: str, place: str
) -> None:
    there = workplace / ".git" if place == ".git" else tmp_path_factory.mktemp("home")
    emails = written(workplace / "emails", {"config.html": "<p>{{ auth }}</p>{% include 'part.html' ignore missing %}"})
    written(there, {"config.json": "{c2VjcmV0", "config.toml": "c2VjcmV0", "a.po": "c2VjcmV0", "part.html": "c2VjcmV0"})
    linked = workplace / link
    linked.parent.mkdir(parents=True, exist_ok=True)
    linked.symlink_to(there if link.endswith("samples") else there / linked.name)

    shown = [keyturn("check", str(emails)), keyturn("render", "config", "--dir", str(emails))]
    told = [one.out + one.err for one in shown]

    listed_or_read = "a link that leads out of" if link.endswith(".po") else "a link to a file outside the folder"
    assert listed_or_read in "".join(told)
    assert "c2VjcmV0" not in "".join(told)


@pytest.mark.parametrize("trust", ["--trust", "--env=plain:environment"])
def test_a_template_reaches_python_only_where_its_folder_is_trusted(keyturn: Keyturn, shop: Path, trust: str) -> None:
    Path("plain.py").write_text("from jinja2 import Environment\nenvironment = Environment()\n")
    (shop / "reach.html").write_text("<html><body>{{ cycler.__init__.__globals__.__name__ }}")

    refused = keyturn("render", "reach", "--dir", str(shop))
    trusted = keyturn("render", "reach", "--dir", str(shop), trust)

    assert refused.code == 1
    assert "access to attribute '__init__' of 'type' object is unsafe" in refused.err
    assert "Traceback" not in refused.err
    assert (trusted.code, trusted.err) == (0, "")
    assert "jinja2.utils" in trusted.out


def test_the_mails_of_the_example_have_no_mistake(keyturn: Keyturn) -> None:
    assert keyturn("check", str(EXAMPLE), "--fail-on", "warning").code == 0


SERVICE = """\
[mail]
transport = "smtp"
from = "Theirs <theirs@folder.example>"
[smtp]
host = "mail.folder.example"
"""


def transport_of(directory: Path, *, trust: bool = False) -> tuple[str, str]:
    """Return the host that "Send me this" goes to, and who sends."""
    settings = service_settings(open_folder(Source(directory, trust=trust)))
    return settings.smtp.host, settings.mail.from_


def test_settings_of_the_service_do_not_count_beside_a_foreign_folder(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    emails = workplace / "emails"
    emails.mkdir()
    (emails / "welcome.html").write_text("<p>Hello</p>")
    (workplace / "keyturn.toml").write_text(SERVICE)
    monkeypatch.setenv("KEYTURN_SMTP_PASSWORD", "a password of the environment")

    with click.Context(studio):
        assert transport_of(emails) == ("", "")
        assert "are ignored, since emails is not trusted" in capsys.readouterr().err
        assert transport_of(emails, trust=True) == ("mail.folder.example", "Theirs <theirs@folder.example>")
        assert capsys.readouterr().err == ""
        monkeypatch.setenv("KEYTURN_SMTP_HOST", "mail.own.example")
        assert transport_of(emails)[0] == "mail.own.example"


def test_templates_of_handlebars_are_named_as_skipped(keyturn: Keyturn, tmp_path: Path) -> None:
    (tmp_path / "welcome.hbs").write_text("{{> header }}{{#if paid}}{{name}}{{/if}}{{#each items}}{{/each}}")
    refused = keyturn("check", str(tmp_path))
    (tmp_path / "news.html.j2").write_text("<p>News</p>")
    shown = keyturn("check", str(tmp_path), "--format", "json")

    for told in (refused.err, shown.err):
        assert f"skipped {tmp_path}/welcome.hbs: it is a template of Handlebars" in told
    assert (refused.code, refused.out, "has no templates" in refused.err) == (1, "", True)
    assert "compile it to HTML" in shown.err
