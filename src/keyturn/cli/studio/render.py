"""render: writes an email to standard output."""

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from keyturn.cli.studio.folders import Opened, Source, open_folder, takes_source
from keyturn.cli.terminal import fail

if TYPE_CHECKING:
    from keyturn.mail.rendering.compiling import Rendered
    from keyturn.studio.gallery import Sample


_FORMATS = click.Choice(["html", "text", "mjml", "json"])


@click.command()
@click.argument("template")
@click.option("--sample", help="The sample. Default: the first.")
@click.option("--lang", default="", metavar="TAG", show_default="en", help="The language, such as de or pt-BR.")
@click.option("--format", "output", type=_FORMATS, default="html", help="json has all parts. Default: html.")
@takes_source(click.option("--dir", "directory", type=click.Path(path_type=Path), help="A folder of your templates."))
def render(template: str, sample: str | None, lang: str, output: str, source: Source) -> None:
    """Render an email with a sample to standard output.

    \b
    Examples:  keyturn render password_reset --lang de --format text
               keyturn render orders/shipped --dir emails > shipped.html
    """
    opened = open_folder(source)
    gallery = opened.gallery
    if template not in gallery.names():
        fail(f"there is no template {template}; there are {', '.join(gallery.names()) or 'none'}")
    chosen = gallery.sample(template, sample or next(iter(gallery.samples(template)), ""))
    known = gallery.languages.known
    lang = lang or ("en" if "en" in known else next(iter(known)))
    if lang not in known:
        fail(f"there is no language {lang}; there are {', '.join(known)}")
    rendered = _render(opened, template, chosen, lang)
    if output == "json":
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(rendered), indent=2).decode() + "\n")
    elif part := getattr(rendered, output):
        sys.stdout.write(part)
    else:
        fail(f"{template} has no {'text part' if output == 'text' else 'MJML'}")


def _render(opened: Opened, template: str, sample: "Sample", lang: str) -> "Rendered":
    from keyturn.studio.gallery import Gallery
    from keyturn.studio.lint.rules import limit_finding
    from keyturn.studio.renderers import LimitExceeded, renderers_for

    files = opened.gallery.files(template)
    with closing(renderers_for(opened.gallery, opened.settings.limits, 1)) as runner:
        try:
            return runner.run(Gallery.render, template, files, sample, lang)
        except LimitExceeded as exceeded:
            finding = limit_finding(exceeded.limit, files.markup)
            fail(f"{template} was not rendered: {finding.message} {finding.fix}")
