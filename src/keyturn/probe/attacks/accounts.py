"""What a reset ends, and what it must not skip."""

from keyturn.probe.attack import NotTried
from keyturn.probe.attacks.stories import second_story, session_before, view
from keyturn.probe.run import Finding, Run, failed, judged, passed, unsure
from keyturn.probe.web import Browser


async def old_password_works(run: Run) -> Finding:
    """Sign in with the password before the last reset."""
    await second_story(run)
    wrong = "The password before the reset still signs in."
    return judged(await run.works(run.ann, run.ann.old), wrong, "The password before the reset is refused.")


async def sessions_survive(run: Run) -> Finding:
    """Open a private page, after a reset, with a session from before."""
    await second_story(run)
    session = await session_before(run)
    page, outside = await session.browser.send("GET", session.path), await Browser(run.web).send("GET", session.path)
    if view(page, run) == view(outside, run):
        return passed(f"A session from before the reset no longer opens {session.path}.")
    if view(page, run) == session.inside:
        return failed(f"A session from before the reset still opens {session.path}.", page)
    return unsure(f"{session.path} looks neither as before nor as to others.", page)


async def second_step_skipped(run: Run) -> Finding:
    """Open a private page with what a reset alone gives: the browser that did it, and the new password."""
    if not run.has_second_step:
        raise NotTried("Give --second-step if the first account has a second factor.")
    if "private" not in run.calls:
        raise NotTried("Name a page that needs the second step by --private.")
    path = run.calls["private"].path
    reset, (signed_in, _) = (await second_story(run)).browser, await run.sign_in(run.ann, run.ann.password)
    outside = await Browser(run.web).send("GET", path)
    for browser, what in ((reset, "The browser of the reset"), (signed_in, "The new password alone")):
        page = await browser.send("GET", path)
        # A redirect may lead to the second step.
        if page.status == 200 and not page.before and view(page, run) != view(outside, run):
            return failed(f"{what} opens {path} without the second factor.", page)
    return passed(f"Neither the browser of the reset nor the new password alone opens {path}.")
