"""render: writes an email to standard output."""

import sys
from contextlib import closing
from pathlib import Path

import click
import msgspec

from keyturn.cli.studio.folders import Source, open_folder, takes_source
from keyturn.cli.terminal import fail

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
    from keyturn.studio.gallery import Gallery
    from keyturn.studio.lint.rules import limit_finding
    from keyturn.studio.renderers import LimitExceeded, renderers_for

    gallery = opened.gallery
    if template not in gallery.names():
        fail(f"there is no template {template}; there are {', '.join(gallery.names()) or 'none'}")
    chosen = gallery.sample(template, sample or next(iter(gallery.samples(template)), ""))
    known = gallery.languages.known
    lang = lang or ("en" if "en" in known else next(iter(known)))
    if lang not in known:
        fail(f"there is no language {lang}; there are {', '.join(known)}")
    files = gallery.files(template)
    with closing(renderers_for(gallery, opened.settings.limits, 1)) as runner:
        try:
            rendered = runner.run(Gallery.render, template, files, chosen, lang)
        except LimitExceeded as exceeded:
            finding = limit_finding(exceeded.limit, files.markup)
            fail(f"{template} was not rendered: {finding.message} {finding.fix}")
    if output == "json":
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(rendered), indent=2).decode() + "\n")
    elif part := getattr(rendered, output):
        sys.stdout.write(part)
    else:
        fail(f"{template} has no {'text part' if output == 'text' else 'MJML'}")
