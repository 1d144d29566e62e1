"""Files read, saved, rendered and checked as an editor in the page asks for it, over HTTP."""

import os
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.studio.web.fixtures import GREETING, GREETING_SAMPLES, OURS, Client, opened

from keyturn.extras import folder as packaged
from keyturn.studio.gallery.naming import LARGEST
from keyturn.studio.web.app import Studio

VENDORED = packaged("preview") / "static" / "vendored" / "codemirror"
MAIL = "greeting/greeting.mjml"


def read(client: Client, file: str = MAIL) -> dict[str, Any]:
    answer = client.get(f"/studio/sources/{file}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def save(client: Client, text: str, fingerprint: str, file: str = MAIL, **headers: str) -> Any:
    body = {"text": text, "fingerprint": fingerprint}
    return client.post(f"/studio/sources/{file}", json=body, headers=headers or OURS)


def draft(
    client: Client, text: str, file: str = MAIL, query: str = "?sample=ada", what: str = "drafts"
) -> Any:
    body = {"file": file, "text": text}
    return client.post(f"/studio/{what}/greeting{query}", json=body, headers=OURS)


@pytest.mark.parametrize(
    ("held", "becomes"),
    [
        (b"one\r\ntwo\r\n", b"one\r\nTWO\r\nthree\r\n"),
        (b"\xef\xbb\xbfone\ntwo", b"\xef\xbb\xbfone\nTWO\nthree\n"),
    ],
)
def test_line_ends_mark_and_permissions_stay(
    client: Client, folder: Path, held: bytes, becomes: bytes
) -> None:
    file = folder / "greeting/greeting.txt"
    file.write_bytes(held)
    file.chmod(0o640)
    known = read(client, "greeting/greeting.txt")
    assert "\r" not in known["text"]
    assert (
        save(client, "one\nTWO\nthree\n", known["fingerprint"], "greeting/greeting.txt").status_code
        == 200
    )
    assert file.read_bytes() == becomes
    assert file.stat().st_mode & 0o777 == 0o640
    assert [other.name for other in file.parent.iterdir() if other.name.startswith(".")] == []


def test_a_file_that_somebody_else_has_saved_is_not_overwritten(
    client: Client, folder: Path
) -> None:
    before = read(client)
    theirs = GREETING.replace("The end", "Theirs")
    (folder / MAIL).write_text(theirs)
    refused = save(client, "mine", before["fingerprint"])
    assert (refused.status_code, refused.json()["text"]) == (409, theirs)
    assert (refused.headers["cache-control"], refused.headers["x-content-type-options"]) == (
        "no-store",
        "nosniff",
    )
    assert (folder / MAIL).read_text() == theirs
    assert save(client, "mine", refused.json()["fingerprint"]).status_code == 200


def test_nothing_outside_of_the_folder_is_read_or_written(
    client: Client, folder: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.mjml"
    secret.write_text("<mjml></mjml>")
    (folder / "greeting/notes.md").write_text("no template")
    (folder / "_layout/linked.mjml").symlink_to(secret)
    for file in (
        "../secret.mjml",
        "%2e%2e/secret.mjml",
        f"/{secret}",
        "_layout/linked.mjml",
        "greeting/notes.md",
        "x",
    ):
        assert client.get(f"/studio/sources/{file}").status_code in (403, 404), file
        assert save(client, "mine", "", file).status_code in (403, 404), file
        if "secret" in file or "linked" in file:
            assert draft(client, "mine", str(secret)).status_code == 403
    assert secret.read_text() == "<mjml></mjml>"


def test_samples_are_edited_also_when_they_cannot_be_read_or_begin_in_no_line(
    client: Client,
) -> None:
    file, dotted = (
        "greeting/samples.toml",
        'ada.name = "Ada"\nada.link = "https://account.northwind.example"\n',
    )
    for text in ("[ada\n", dotted, GREETING_SAMPLES, dotted):
        assert save(client, text, read(client, file)["fingerprint"], file).status_code == 200
    assert 'id="source-samples"' in client.get("/studio/templates/greeting?show=source").text


def test_what_would_not_stay_as_it_is_is_read_only(
    client: Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / MAIL).write_bytes("<mjml>größer</mjml>".encode("latin-1"))
    refused = client.get(f"/studio/sources/{MAIL}")
    assert (refused.status_code, refused.json()["detail"][:33]) == (
        403,
        "Read-only: greeting.mjml is not U",
    )
    (folder / MAIL).write_bytes(b"<mjml>\r\n</mjml>\n")
    assert "end in several ways" in client.get(f"/studio/sources/{MAIL}").json()["detail"]
    (folder / "notice/notice.mjml").write_bytes(b" " * (LARGEST + 1))
    assert client.get("/studio/sources/notice/notice.mjml").status_code == 403
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert (
        "may not write to this file"
        in client.get("/studio/sources/greeting/greeting.txt").json()["detail"]
    )


def test_a_text_that_is_no_template_any_more_is_refused(client: Client, folder: Path) -> None:
    fingerprint = read(client)["fingerprint"]
    assert save(client, "x" * (LARGEST + 1), fingerprint).status_code == 413
    assert save(client, "x" * (4 * LARGEST + 1), fingerprint).status_code == 413
    lone = f'{{"text": "\\ud800", "fingerprint": "{fingerprint}"}}'
    headers = {**OURS, "content-type": "application/json"}
    assert client.post(f"/studio/sources/{MAIL}", content=lone, headers=headers).status_code in (
        400,
        403,
    )
    assert draft(client, "x" * (LARGEST + 1)).status_code == 400
    assert (folder / MAIL).read_text() == GREETING


def test_others_edit_nothing_unless_that_is_asked_for(studio: Studio) -> None:
    with opened(studio, "http://192.0.2.7:8001", host="0.0.0.0", token="t" * 22) as client:  # noqa: S104
        client.get(f"/studio?token={'t' * 22}")
        page = client.get("/studio/templates/greeting?sample=ada&show=source&mode=edit").text
        answer = client.get(f"/studio/sources/{MAIL}")
        saved = save(client, GREETING, "")
        rendered = draft(client, GREETING)
    assert (answer.status_code, saved.status_code, rendered.status_code) == (403, 403, 403)
    assert ["start it with --edit" in said for said in (answer.json()["detail"], page)] == [
        True,
        True,
    ]
    assert "data-editor" not in page


@pytest.mark.parametrize("file", [MAIL, "_layout/base.mjml", "greeting/greeting.txt"])
def test_a_draft_is_rendered_and_not_written(client: Client, folder: Path, file: str) -> None:
    before = (folder / file).read_text()
    typed = before.replace("Hello", "Servus").replace("<mj-section>", "<mj-section><!-- typed -->")
    answer = draft(client, typed, file).json()
    assert answer["fault"] is None
    frame = client.get(answer["frame"])
    assert ("Servus Ada" in frame.text) == (file != "_layout/base.mjml")
    assert "default-src 'none'" in frame.headers["content-security-policy"]
    assert (folder / file).read_text() == before
    assert "Servus" not in client.get("/studio/frames/greeting?sample=ada").text


@pytest.mark.parametrize(("wrong", "right"), [("nmae", "name"), ("name|uper", "upper")])
def test_a_wrong_name_or_filter_in_a_line_of_a_draft_is_found_in_it(
    client: Client, wrong: str, right: str
) -> None:
    line = f"<mj-text>{{{{ {wrong} }}}}</mj-text>"
    typed = GREETING.replace("<mj-text>The end", f"\n\n{line}\n<mj-text>The end")
    (found,) = draft(client, typed, what="draft-findings").json()["findings"]
    assert (found["severity"], typed.splitlines()[found["line"] - 1]) == ("error", line)
    assert found["fix"].startswith(f"Did you mean {right}?")


def test_the_editor_is_what_was_built_and_loaded_by_nobody_who_only_reads(client: Client) -> None:
    sums = re.findall(
        r"^\| `([\w.]+)` \| `([0-9a-f]{64})` \|$",
        (VENDORED / "README.md").read_text(),
        re.MULTILINE,
    )
    assert {name: sha256((VENDORED / name).read_bytes()).hexdigest() for name, _ in sums} == dict(
        sums
    )
    assert {file.name for file in VENDORED.iterdir()} == {*dict(sums), "README.md", "LICENSE.txt"}
    page = client.get("/studio/templates/greeting?sample=ada&show=source")
    assert "codemirror" not in page.text
    assert "style-src 'self';" in page.headers["content-security-policy"]
