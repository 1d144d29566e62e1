"""nodemailer, as apps in Node use it, with the options that insist on TLS."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.emails.inbox.mails import secure_port

from keyturn.studio.inbox.certificate import SmtpTls
from keyturn.studio.inbox.smtp_server import SmtpServer
from keyturn.studio.inbox.store import CapturedMails

NODEMAILER = """
const mailer = require("nodemailer");
const [port, how] = process.argv.slice(1);
mailer.createTransport({ host: "127.0.0.1", port: Number(port), [how]: true, auth: { user: "a", pass: "b" } })
  .sendMail({ from: "a@a.example", to: "b@b.example", subject: how, text: "x" })
  .then(() => process.exit(0), (error) => { console.error(error.message); process.exit(1); });
"""


@pytest.mark.long
@pytest.mark.parametrize("how", ["requireTLS", "secure"])
def test_nodemailer_insists_on_tls(
    tls_server: SmtpServer, tls: SmtpTls, captured: CapturedMails, tmp_path: Path, how: str
) -> None:
    node = shutil.which("node")
    if not node or subprocess.run([node, "-e", "require('nodemailer')"], capture_output=True, check=False).returncode:
        pytest.skip("needs node and nodemailer, found by NODE_PATH")
    (tmp_path / "tls.pem").write_text(tls.pem)
    port = tls_server.address[1] if how == "requireTLS" else secure_port(tls)

    trusted = {**os.environ, "NODE_EXTRA_CA_CERTS": str(tmp_path / "tls.pem")}
    sent = subprocess.run(
        [node, "-e", NODEMAILER, str(port), how], env=trusted, capture_output=True, text=True, timeout=30, check=False
    )
    assert sent.returncode == 0, sent.stderr
    assert captured.newest()[0].subject == how
