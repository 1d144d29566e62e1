"""What is left to do once the file is there, with the commands that do it."""

from collections.abc import Iterator, Mapping
from email.utils import parseaddr

import msgspec

from keyturn.adopting.answers import OWN_DATABASE, Answers


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`how` is a command or a setting, as it is typed, "" where `what` says it all."""

    what: str
    how: str = ""


def steps(answers: Answers, environ: Mapping[str, str], hash_todo: str = "") -> Iterator[Step]:
    """Yield them in the order in which they are done; what the environment has already is left out."""
    yield from _secrets(answers, environ)
    if hash_todo:
        yield Step(what=hash_todo)
    domain = parseaddr(answers.sender)[1].rpartition("@")[2]
    where = (
        "in the same database, beside yours" if answers.together else f"in {OWN_DATABASE.removeprefix('sqlite:///')}"
    )
    yield Step(what=f"Make Keyturn's own tables, keyturn_..., {where}", how="keyturn migrate")
    yield Step(what=f"Check the settings, Resend, and SPF, DKIM and DMARC of {domain}", how="keyturn doctor")
    yield Step(what="Run it, with a worker in the same process", how="keyturn serve --host 127.0.0.1 --port 8000")
    proxy = f"Let your proxy pass {answers.base_url} on to it, and name the proxy in [server]"
    yield Step(what=proxy, how='trusted_proxies = ["127.0.0.1"]')
    yield from _frontend(answers)
    yield Step(what="Have your app told of changed passwords, if it should be: docs/webhooks.md")


def _secrets(answers: Answers, environ: Mapping[str, str]) -> Iterator[Step]:
    if not environ.get("KEYTURN_SECRET_KEY"):
        yield Step(what="Make a secret key, and keep it", how="export KEYTURN_SECRET_KEY=$(openssl rand -hex 32)")
    if not environ.get("RESEND_API_KEY"):
        yield Step(what="Take a key from https://resend.com/api-keys", how="export RESEND_API_KEY=re_...")
    for name, url in answers.variables.items():
        if environ.get(name) != url:
            scheme = url.partition("://")[0]
            yield Step(
                what="Hand over the address of the database, with its password", how=f"export {name}={scheme}://..."
            )
    if answers.store == "supabase" and not environ.get("SUPABASE_SERVICE_ROLE_KEY"):
        what = "Take the service-role key from the project's API settings"
        yield Step(what=what, how="export SUPABASE_SERVICE_ROLE_KEY=...")


def _frontend(answers: Answers) -> Iterator[Step]:
    if answers.reset_url:
        yield Step(what="Build the pages with keyturn.js, or call the API: docs/frontend.md")
    else:
        link = f'<a href="{answers.base_url.rstrip("/")}/forgot-password">'
        yield Step(what="Link to the page for those who forgot their password; yours: docs/frontend.md", how=link)
