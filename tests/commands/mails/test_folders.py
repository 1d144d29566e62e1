"""Folders of templates that are not Keyturn's own, on the command line."""

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

COMMANDS = (("check",), ("render", "welcome", "--dir"), ("studio",))


@pytest.fixture
def shop(workplace: Path) -> Path:
    shutil.copytree(FOLDERS / "shop", workplace / "templates" / "emails")
    return workplace / "templates" / "emails"


def test_a_folder_that_is_set_needs_no_name(keyturn: Keyturn, shop: Path) -> None:
    Path("pyproject.toml").write_text(
        f'[tool.keyturn.studio]\nfolder = "{shop.relative_to(Path.cwd())}"\nclients = '
        '["thunderbird"]\n'
    )

    shown = keyturn("check", "--only", "jinja")

    assert shown.code == 1
    assert "templates/emails/order_shipped.html:12:118  error  jinja/unknown-filter" in shown.out
    assert "1 error in 3 templates, 4 mails." in shown.out


NO_TEMPLATES = "no templates: files that end in .mjml or .html, with or without .j2"


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("templates/email", "there is no folder templates/email; did you mean emails?"),
        ("mails", "there is no folder mails"),
        (
            "templates/emails/base.html",
            "templates/emails/base.html is a file; name its folder: templates/emails",
        ),
        ("pages", f"pages has {NO_TEMPLATES}"),
        ("ignored", f"ignored has {NO_TEMPLATES}, but for ignore = ['*']"),
    ],
)
@pytest.mark.usefixtures("shop")
def test_a_folder_that_holds_no_mails_is_refused(
    keyturn: Keyturn, named: str, message: str
) -> None:
    written(
        Path("ignored"), {"news.html": "<p>News</p>", "keyturn.toml": '[studio]\nignore = ["*"]\n'}
    )
    Path("pages").mkdir()
    for command in COMMANDS[:1] if "no templates" in message else COMMANDS:
        refused = keyturn(*command, named)
        assert (refused.code, refused.err) == (1, f"keyturn: {message}\n"), command


@pytest.mark.parametrize("setting", ["env = 'hostile:environment'", "props = 'hostile'"])
def test_code_that_a_folder_s_settings_name_runs_only_if_trusted(
    keyturn: Keyturn, shop: Path, setting: str
) -> None:
    made = "from jinja2 import Environment\nenvironment = Environment()\n"
    Path("hostile.py").write_text(f"import pathlib\npathlib.Path('ran').touch()\n{made}")
    Path("pyproject.toml").write_text(f'[tool.keyturn.studio]\nfolder = "{shop}"\n{setting}\n')
    for command in (("check",), ("render", "reset_password")):
        refused = keyturn(*command)
        assert refused.code == 1
        assert f"{setting.split(maxsplit=1)[0]}: would run the code of " in refused.err
        assert refused.err.endswith("; if you trust the folder, add --trust\n")
        assert not Path("ran").exists()
        assert "hostile" not in keyturn(*command, "--trust").err
        Path("ran").unlink()
        sys.modules.pop("hostile")


@pytest.mark.parametrize("named", ["emails", "emails/deep"])
def test_a_link_in_place_of_a_folder_is_not_followed_out_of_the_repository(
    keyturn: Keyturn, workplace: Path, tmp_path_factory: pytest.TempPathFactory, named: str
) -> None:
    home = tmp_path_factory.mktemp("home")
    written(home, {"config.html": "<p>c2VjcmV0</p>", "deep/config.html": "<p>c2VjcmV0</p>"})
    (workplace / ".git").mkdir()
    (workplace / "emails").symlink_to(home)
    for command in (("check",), ("render", "config", "--dir")):
        refused = keyturn(*command, named)
        assert refused.code == 1
        assert (
            f"{named} is a link that leads out of {workplace}; if you trust the folder, add --trust"
            in refused.err
        )
        assert "c2VjcmV0" not in refused.out + refused.err
        assert "leads out" not in keyturn(*command, named, "--trust").err
    (workplace / ".git").rmdir()
    assert "leads out" not in keyturn("check", named).err, (
        "without a repository, the link is as good as the folder"
    )


@pytest.mark.parametrize(
    "link",
    ["emails/config.json", "samples", "emails/locales/de/LC_MESSAGES/a.po", "emails/part.html"],
)
@pytest.mark.parametrize("place", ["outside", ".git"])
def test_a_finding_about_a_link_shows_nothing_of_the_file_that_it_leads_to(
    keyturn: Keyturn,
    workplace: Path,
    tmp_path_factory: pytest.TempPathFactory,
    link: str,
    place: str,
) -> None:
    there = workplace / ".git" if place == ".git" else tmp_path_factory.mktemp("home")
    written(
        workplace / "emails",
        {"config.html": "<p>{{ auth }}</p>{% include 'part.html' ignore missing %}"},
    )
    written(
        there,
        {
            "config.json": "{c2VjcmV0",
            "config.toml": "c2VjcmV0",
            "a.po": "c2VjcmV0",
            "part.html": "c2VjcmV0",
        },
    )
    linked = workplace / link
    linked.parent.mkdir(parents=True, exist_ok=True)
    linked.symlink_to(there if link.endswith("samples") else there / linked.name)

    shown = [keyturn("check", "emails"), keyturn("render", "config", "--dir", "emails")]
    told = "".join(one.out + one.err for one in shown)
    listed_or_read = (
        "a link that leads out of"
        if link.endswith(".po")
        else "a link to a file outside the folder"
    )
    assert (listed_or_read in told, "c2VjcmV0" in told) == (True, False)


@pytest.mark.parametrize("trust", ["--trust", "--env=plain:environment"])
def test_a_template_reaches_python_only_where_its_folder_is_trusted(
    keyturn: Keyturn, shop: Path, trust: str
) -> None:
    Path("plain.py").write_text("from jinja2 import Environment\nenvironment = Environment()\n")
    (shop / "reach.html").write_text("<html><body>{{ cycler.__init__.__globals__.__name__ }}")
    refused, trusted = (
        keyturn("render", "reach", "--dir", str(shop), *words) for words in ((), (trust,))
    )
    assert (
        refused.code,
        "access to attribute '__init__' of 'type' object is unsafe" in refused.err,
    ) == (1, True)
    assert (trusted.code, trusted.err, "jinja2.utils" in trusted.out) == (0, "", True)


def test_the_mails_of_the_example_have_no_mistake(keyturn: Keyturn) -> None:
    example = Path(__file__).parents[3] / "examples" / "shop-mails"
    assert keyturn("check", str(example), "--fail-on", "warning").code == 0


SERVICE = """\
[mail]
transport = "smtp"
from = "Theirs <theirs@folder.example>"
[smtp]
host = "mail.folder.example"
"""


def test_settings_of_the_service_do_not_count_beside_a_foreign_folder(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They say through which server "Send me this" goes, and who sends."""
    emails = written(workplace / "emails", {"welcome.html": "<p>Hello</p>"})
    (workplace / "keyturn.toml").write_text(SERVICE)

    def host_of(*, trust: bool) -> str:
        settings = service_settings(open_folder(Source(emails, trust=trust)))
        return str(settings.smtp.host)

    with click.Context(studio):
        assert host_of(trust=False) == ""
        assert "are ignored, since emails is not trusted" in capsys.readouterr().err
        assert host_of(trust=True) == "mail.folder.example"
        assert capsys.readouterr().err == ""
        monkeypatch.setenv("KEYTURN_SMTP_HOST", "mail.own.example")
        assert host_of(trust=False) == "mail.own.example"


def test_templates_of_handlebars_are_named_as_skipped(keyturn: Keyturn) -> None:
    written(Path("hbs"), {"welcome.hbs": "{{> header}}{{#if paid}}{{name}}{{/if}}"})
    refused = keyturn("check", "hbs")
    assert (refused.code, refused.out, "has no templates" in refused.err) == (1, "", True)
    assert "skipped hbs/welcome.hbs: it is a template of Handlebars" in refused.err
