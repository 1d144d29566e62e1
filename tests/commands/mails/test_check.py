"""check: what is wrong with the emails, for people and for CI."""

import json
import re
from pathlib import Path

import pytest
from tests.commands.command import Keyturn
from tests.every_language import TAGS, TELLING
from tests.studio.folders import written
from tests.studio.web.fixtures import checked_page, opened

from keyturn.cli.studio.folders import Source, open_folder
from keyturn.studio.web.app import Studio

pytestmark = pytest.mark.long

GOOD = """\
<mjml lang="en">
  <mj-head><mj-title>News for {{ name }}</mj-title>\
<mj-preview>What is new in the harbour</mj-preview></mj-head>
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text font-size="16px"><h1>News</h1><p>Dear {{ name }}, the boat is here.</p></mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""
BAD = GOOD.replace('font-size="16px"', 'font-sise="16px"')


@pytest.fixture
def emails(workplace: Path) -> Path:
    write(workplace / "emails", GOOD)
    return workplace / "emails"


def write(
    folder: Path, mjml: str, samples: str = '[first]\nname = "Ada"\n[second]\nname = "Lin"\n'
) -> None:
    text = "News\n\nDear {{ name }}, the boat is here.\n"
    written(folder / "news", {"news.mjml": mjml, "news.txt": text, "samples.toml": samples})


@pytest.mark.parametrize(
    "languages",
    [",".join(("en", *TELLING)), pytest.param(",".join(TAGS), marks=pytest.mark.nightly)],
)
def test_the_emails_that_keyturn_sends_have_neither_errors_nor_warnings(
    keyturn: Keyturn, languages: str
) -> None:
    shown = keyturn("check", "--fail-on", "warning", KEYTURN_LANGUAGES=languages)

    assert (shown.code, shown.err) == (0, "")
    assert re.search(r"\d+ templates, \d+ mails\.$", shown.out.strip())


def test_a_finding_shows_the_place_the_line_and_the_way_out(keyturn: Keyturn, emails: Path) -> None:
    write(emails, BAD)

    shown = keyturn("check", "emails", "--only", "mjml")

    assert shown.code == 1
    assert shown.out == (
        "emails/news/news.mjml:6:18  error  mjml/unknown-attribute\n"
        "  <mj-text> has no attribute font-sise, so MJML ignores it.\n"
        "    5 |       <mj-column>\n"
        '  > 6 |         <mj-text font-sise="16px"><h1>News</h1>'
        "<p>Dear {{ name }}, the boat is here.</p></mj-text>\n"
        "      |                  ^\n"
        "    7 |       </mj-column>\n"
        "  Did you mean font-size?\n"
        "  in 2 of 2 mails\n"
        "\n"
        "1 error in 1 template, 2 mails.\n"
    )


def test_a_finding_in_many_places_shows_five_others_and_all_for_its_rule(
    keyturn: Keyturn, emails: Path
) -> None:
    for number in range(7):
        write(
            emails / str(number),
            BAD.replace("</mj-head>", "<mj-style>.no { color: red }</mj-style></mj-head>"),
        )
    shown = keyturn("check", "emails").out
    assert (
        shown.count("  also at "),
        shown.count("  and more; --only mjml/unknown-attribute shows all\n"),
    ) == (5, 1)
    assert "\n  7 places in 14 of 16 mails\n" in shown
    assert "\nnote  styles/unused  emails/0/news/news.mjml:2:113, 7 places\n" in shown
    for rule in ("mjml", "styles"):
        shown = keyturn("check", "emails", "--only", rule).out
        assert (shown.count("  also at "), "and more" in shown) == (6, False)


def test_the_clients_that_count_can_be_chosen(keyturn: Keyturn, emails: Path) -> None:
    write(emails, GOOD.replace("<p>Dear", '<p style="border-radius:4px; object-fit:cover">Dear'))
    rules = ("--only", "compatibility", "--clients")
    assert "No problems in" in keyturn("check", "emails", *rules, "apple, samsung").out
    two = keyturn("check", "emails", *rules, "apple", "--clients", "outlook,samsung").out
    assert ("Outlook for Windows" in two, "Yahoo" in two) == (True, False)


def test_mails_of_one_s_own_are_looked_at_in_the_places_of_keyturn_s(
    keyturn: Keyturn, workplace: Path
) -> None:
    written(workplace / "mails", {"password_reset/password_reset.txt": "Hello {{ nobody }}\n"})
    checked = keyturn("check", KEYTURN_MAIL_TEMPLATES="mails", KEYTURN_LANGUAGES="en")

    assert checked.code == 1
    assert "mails/password_reset/password_reset.txt:1:10  error  jinja/undefined\n" in checked.out
    assert "Add nobody to its props" in checked.out
    assert keyturn("render", "password_changed", KEYTURN_MAIL_TEMPLATES="mails").code == 0
    assert "nobody" in keyturn("render", "password_reset", KEYTURN_MAIL_TEMPLATES="mails").err


def test_a_rule_is_explained_without_a_folder(keyturn: Keyturn) -> None:
    shown = keyturn("check", "--explain", "links/relative").out
    assert (shown.startswith("links/relative  error\n"), "Bad:\n" in shown) == (True, True)
    assert "links/relative  error\n" in keyturn("check", "--explain").out


def test_equal_findings_count_once_also_in_branches_and_the_studio_says_so_too(
    keyturn: Keyturn, emails: Path
) -> None:
    wrong = '<mj-text font-sise="16px">Boats</mj-text>\n'
    ignored = f"{{# keyturn: ignore mjml because the app rewrites it #}}\n{wrong}"
    branch = '{% if status == "cancelled" %}<mj-text colour="red">It is off.</mj-text>{% endif %}\n'
    mails = GOOD.replace(' lang="en"', "").replace(
        "      </mj-column>", f"{wrong}{wrong}{ignored}{branch}</mj-column>"
    )
    for template in (emails / "more", emails):
        write(template, mails, '[ada]\nname = "Ada"\nstatus = "open"\n')
    assert (
        "  in news/branch: news.mjml:11\n" in keyturn("check", "emails/more", "--only", "mjml").out
    )
    shown = keyturn("check", "emails", "--only", "mjml").out
    assert shown.endswith("\n2 errors in 2 templates, 4 mails, 2 ignored by comments.\n")
    assert "  also at emails/more/news/news.mjml:" in shown

    report = json.loads(keyturn("check", "emails", "--format", "json").out)
    client = opened(
        Studio(gallery=open_folder(Source(emails)).gallery, sender="a@example.test", token="")
    )
    page = checked_page(client, "findings")
    assert (report["errors"], report["warnings"], report["notes"], report["ignored"]) == (
        2,
        1,
        0,
        2,
    )
    assert re.findall(r'id="severity-\w+"[^>]*><b>(\d+)</b>', page) == ["2", "1", "0"]
    in_list = re.findall(r'id="findings-of-(.*?)".*?aria-label="Findings: (.*?)"', page)
    assert dict(in_list) == dict.fromkeys(("news", "more/news"), "2 errors, 1 warning")
