"""The pytest plugin in another project."""

import subprocess
import sys
from pathlib import Path

import pytest

import keyturn.testing.plugin  # noqa: F401 - once, not in each of the runs: they forget what they loaded

pytestmark = pytest.mark.long

CONFIGURED = '[tool.keyturn.studio]\nfolder = "emails"\nsnapshots = "tests/mails"\n'
THE_TEST = (
    "def test_every_mail_is_as_it_was_accepted(mail_snapshot):\n"
    "    mail_snapshot.assert_matches()\n"
)
WELCOME = """\
<mjml><mj-body><mj-section><mj-column><mj-text>Hello {{ name }}</mj-text>
</mj-column></mj-section></mj-body></mjml>
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Lay out a project with one mail, two samples and the test that its snapshots need."""
    monkeypatch.setenv("COLUMNS", "120")
    for file, text in {
        "pyproject.toml": CONFIGURED,
        "conftest.py": 'pytest_plugins = ["keyturn.testing"]\n',
        "test_mails.py": THE_TEST,
        "emails/welcome.mjml": WELCOME,
        "emails/welcome.txt": "Hello {{ name }},\nwelcome.\n",
        "emails/welcome.samples.toml": '[ada]\nname = "Ada"\n\n[grace]\nname = "Grace"\n',
    }.items():
        (pytester.path / file).parent.mkdir(parents=True, exist_ok=True)
        (pytester.path / file).write_text(text)
    return pytester


def run(project: pytest.Pytester, *flags: str) -> pytest.RunResult:
    return project.runpytest_inprocess("-p", "no:asyncio", "-p", "no:cacheprovider", *flags)


def edit(project: pytest.Pytester, file: str, old: str, new: str) -> None:
    path = project.path / file
    path.write_text(path.read_text().replace(old, new))


def test_mails_without_snapshots_fail_and_say_how_to_write_them(project: pytest.Pytester) -> None:
    result = run(project)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "welcome/ada has no snapshots yet.",
            "To accept the change: pytest --accept-mails, or `keyturn studio` and http://127.0.0.1:8001/studio/snapshots",
        ]
    )
    assert not (project.path / "tests").exists()


def test_accepted_mails_pass_until_they_change(project: pytest.Pytester) -> None:
    run(project, "--accept-mails").assert_outcomes(passed=2)
    golden = project.path / "tests" / "mails" / "welcome"
    assert sorted(file.name for file in golden.iterdir()) == [
        "ada.html",
        "ada.txt",
        "grace.html",
        "grace.txt",
    ]
    assert (golden / "ada.txt").read_text() == "Hello Ada,\nwelcome.\n"
    run(project).assert_outcomes(passed=2)
    edit(project, "emails/welcome.txt", "welcome.", "good to see you.")
    result = run(project, "-k", "ada")
    result.assert_outcomes(failed=1, deselected=1)
    difference = [
        "--- tests/mails/welcome/ada.txt",
        "+++ rendered now",
        "-welcome.",
        "+good to see you.",
    ]
    result.stdout.fnmatch_lines(["welcome/ada differs from its accepted files.", *difference])
    result.stdout.no_fnmatch_line("*ada.html")
    assert (golden / "ada.txt").read_text() == "Hello Ada,\nwelcome.\n"


def test_snapshots_of_a_mail_that_is_gone_fail_until_they_are_accepted_away(
    project: pytest.Pytester,
) -> None:
    run(project, "--accept-mails")
    edit(project, "emails/welcome.samples.toml", "[grace]", "[rear_admiral]")
    result = run(project)
    result.assert_outcomes(failed=2, passed=1)
    stored = [f"tests/mails/welcome/grace.{part}" for part in ("html", "txt")]
    result.stdout.fnmatch_lines(
        ["welcome/grace no longer exists, but these snapshots do:", *stored]
    )
    run(project, "--accept-mails").assert_outcomes(passed=3)
    run(project).assert_outcomes(passed=2)
    assert not (project.path / "tests/mails/welcome/grace.html").exists()


def test_what_cannot_be_rendered_fails_with_its_place_and_cannot_be_accepted(
    project: pytest.Pytester,
) -> None:
    run(project, "--accept-mails")
    edit(project, "emails/welcome.mjml", "{{ name }}", "{{ name.first.last }}")
    result = run(project, "--accept-mails", "-k", "ada")
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(["welcome/ada cannot be rendered: *welcome.mjml:1: *"])
    assert "Hello Ada" in (project.path / "tests/mails/welcome/ada.html").read_text()
    edit(project, "emails/welcome.samples.toml", '"Grace"', "Grace")
    (result := run(project)).assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*cannot be rendered: *welcome.samples.toml:5: *"])


@pytest.mark.parametrize(
    ("configuration", "told"),
    [
        (
            "",
            'snapshots: is not set: write snapshots = "tests/mails" under [[]tool.keyturn.studio]',
        ),
        (
            CONFIGURED.replace("tests/mails", "emails/accepted"),
            "snapshots: *emails/accepted is inside the folder of the templates: *",
        ),
        (
            CONFIGURED + 'snapshot_languages = ["xx"]\n',
            "snapshot_languages: there is no language xx; there are *en*",
        ),
        (CONFIGURED.replace('"emails"', '"empty"'), "There is no mail in *empty."),
        (
            CONFIGURED.replace("snapshots", "snapshot"),
            "*snapshot: unknown setting; did you mean snapshots?",
        ),
    ],
)
def test_a_mistake_in_the_settings_is_told_in_a_line(
    project: pytest.Pytester, configuration: str, told: str
) -> None:
    project.mkdir("empty")
    (project.path / "pyproject.toml").write_text(configuration)
    result = run(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([told])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_another_folder_is_named_by_a_marker(project: pytest.Pytester) -> None:
    project.mkdir("letters").joinpath("hello.html").write_text(
        "<html><title>Hi</title><p>Hello</p></html>"
    )
    project.makepyfile(
        test_letters="""
        import pytest

        @pytest.mark.mails("letters", "tests/letters", ["en"])
        def test_every_letter_is_as_it_was_accepted(mail_snapshot):
            mail_snapshot.assert_matches()
        """
    )
    run(project, "test_letters.py", "--accept-mails", "--strict-markers").assert_outcomes(passed=1)
    assert [file.name for file in (project.path / "tests/letters/hello").iterdir()] == [
        "guessed.html"
    ]


def test_without_a_folder_it_is_the_mails_that_keyturn_sends(project: pytest.Pytester) -> None:
    (project.path / "pyproject.toml").write_text(
        '[tool.keyturn.studio]\nsnapshots = "mails"\nsnapshot_languages = ["en"]\n'
    )
    (project.path / "keyturn.toml").write_text('[brand]\nname = "Southwind"\n')
    outcomes = run(project, "--accept-mails", "-k", "password_reset/viewer").parseoutcomes()
    assert outcomes["passed"] == 1
    assert outcomes.keys() == {"passed", "deselected"}
    assert "Southwind" in (project.path / "mails/password_reset/viewer.txt").read_text()


def test_it_does_not_load_by_itself(project: pytest.Pytester) -> None:
    (project.path / "conftest.py").unlink()
    result = project.runpytest_subprocess("--accept-mails", "-p", "no:cacheprovider")
    result.stderr.fnmatch_lines(["*unrecognized arguments: --accept-mails"])


def test_who_has_no_such_test_pays_next_to_nothing(tmp_path: Path) -> None:
    program = "import sys, keyturn.testing, keyturn.testing.plugin; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert set(loaded.stdout.split()).isdisjoint(
        {"jinja2", "mjml", "babel", "litestar", "sqlalchemy"}
    )
