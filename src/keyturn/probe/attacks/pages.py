"""The page of the link: who may store it, frame it, or use it up by opening it."""

import re
from urllib.parse import unquote

from keyturn.probe.attack import NotTried
from keyturn.probe.attacks.stories import link_page, second_story
from keyturn.probe.run import Finding, Run, failed, passed, unsure


async def page_cached(run: Run) -> Finding:
    """Read the Cache-Control of the page, if the token is in it or in its address."""
    page = await link_page(run)
    said = page.header("cache-control")
    if "no-store" in said.lower():
        return passed(f"Its Cache-Control is {said!r}.", page)
    said = f"Its Cache-Control is {said!r}, without no-store." if said else "It has no Cache-Control."
    if any(token in page.body for token in run.tokens):
        return failed(said, page)
    if any(token in unquote(page.url) for token in run.tokens):
        return unsure(f"{said} Only its address has the token, which the browser's history keeps anyway.", page)
    return passed("Neither the page nor its address has the token.", page)


async def page_framed(run: Run) -> Finding:
    """Read the Content-Security-Policy and the X-Frame-Options of the page."""
    page = await link_page(run)
    options = page.header("x-frame-options")
    if ancestors := re.search(r"frame-ancestors\s[^;,]*", page.header("content-security-policy")):
        is_open = "*" in ancestors[0].split()
        return (failed if is_open else passed)(f"Its Content-Security-Policy has {ancestors[0].strip()}.", page)
    if options.strip().lower() in {"deny", "sameorigin"}:
        return passed(f"It has X-Frame-Options: {options}. ASVS 3.4.6 prefers frame-ancestors.", page)
    return failed("It has neither frame-ancestors nor X-Frame-Options.", page)


async def get_uses_link(run: Run) -> Finding:
    """Open a link as a scanner does, by HEAD and twice by GET without cookies, before its reader uses it."""
    second = await second_story(run)
    if second.scanned and second.used_up:
        proof = (*second.scanned[:2], second.used_up)
        return failed("After a HEAD and two GETs without cookies, the link set no password.", *proof)
    if not second.scanned or second.scanned[1].status == 404:
        raise NotTried("The application serves no page at the link's address.")
    return passed("After a HEAD and two GETs without cookies, the link still worked.")
