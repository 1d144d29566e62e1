"""render: write one email to standard output."""

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keyturn.cli.studio import folders
from keyturn.cli.terminal import fail, print_json

if TYPE_CHECKING:
    from keyturn.mail.rendering.compiling import Rendered
    from keyturn.studio.gallery import Gallery

_PARTS = click.Choice(["html", "text", "mjml", "json"])


@click.command()
@click.argument("template")
@click.option("--sample", help="The sample. Default: the first.")
@click.option(
    "--lang",
    default="",
    metavar="TAG",
    show_default="en",
    help="The language, such as de or pt-BR.",
)
@click.option(
    "--format", "output", type=_PARTS, default="html", help="json has all parts. Default: html."
)
@folders.takes_source(
    click.option(
        "--dir", "directory", type=click.Path(path_type=Path), help="A folder of your templates."
    )
)
def render(
    template: str, sample: str | None, lang: str, output: str, source: folders.Source
) -> None:
    """Render an email with a sample to standard output.

    \b
    Examples:  keyturn render password_reset --lang de --format text
               keyturn render orders/shipped --dir emails > shipped.html
    """
    opened = folders.open_folder(source)
    from keyturn.studio.gallery import Gallery
    from keyturn.studio.lint.rules import limit_finding
    from keyturn.studio.renderers import LimitExceeded, renderers_for

    gallery = opened.gallery
    if template not in gallery.names():
        names = ", ".join(gallery.names()) or "none"
        fail(f"there is no template {template}; there are {names}")
    if not sample:
        sample = next(iter(gallery.samples(template)), "")
    chosen = gallery.sample(template, sample)
    language = _language(lang, gallery)
    files = gallery.files(template)
    with closing(renderers_for(gallery, opened.settings.limits, 1)) as runner:
        try:
            rendered = runner.run(Gallery.render, template, files, chosen, language)
        except LimitExceeded as exceeded:
            finding = limit_finding(exceeded.limit, files.markup)
            fail(f"{template} was not rendered: {finding.message} {finding.fix}")
    if output == "json":
        print_json(rendered)
    else:
        sys.stdout.write(_part(rendered, output, template))


def _language(wanted: str, gallery: "Gallery") -> str:
    """Return the language that was named, else English, else the first."""
    known = gallery.languages.known
    if not wanted:
        return "en" if "en" in known else next(iter(known))
    if wanted not in known:
        fail(f"there is no language {wanted}; there are {', '.join(known)}")
    return wanted


def _part(rendered: "Rendered", output: str, template: str) -> str:
    if output == "html":
        if not rendered.html:
            fail(f"{template} has no HTML part")
        return rendered.html
    if output == "text":
        if not rendered.text:
            fail(f"{template} has no text part")
        return rendered.text
    if not rendered.mjml:
        fail(f"{template} has no MJML")
    return rendered.mjml
