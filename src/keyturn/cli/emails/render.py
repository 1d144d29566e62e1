"""render: an email on standard output."""

import sys
from pathlib import Path

import click
import msgspec

from keyturn.cli.emails.folders import ENVIRONMENT, TRUST, open_folder
from keyturn.cli.terminal import fail


@click.command()
@click.argument("template")
@click.option("--sample", help="Which sample; the first where none is named.")
@click.option("--lang", default="en", show_default=True, metavar="TAG", help="Which language, as in de or pt-BR.")
@click.option(
    "--format", "output", type=click.Choice(["html", "text", "mjml", "json"]), default="html", show_default=True,
    help="json holds subject, preheader and all parts.",
)  # fmt: skip
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="The folder of templates of your own.")
@ENVIRONMENT
@TRUST
def render(
    template: str, sample: str | None, lang: str, output: str, directory: Path | None, environment: str, trust: bool
) -> None:
    """Render an email with a sample, to standard output.

    \b
    Examples:  keyturn render password_reset --sample viewer --lang de --format text
               keyturn render orders/shipped --dir emails > shipped.html
    """
    gallery = open_folder(directory, environment, trust=trust).gallery
    if template not in gallery.names():
        fail(f"there is no template {template}; there are {', '.join(gallery.names()) or 'none'}")
    samples = gallery.samples(template)
    name = sample or next(iter(samples), "")
    if name not in samples:
        fail(f"{template} has no sample {name}; it has {', '.join(samples) or 'none'}")
    known, chosen = gallery.languages.known, samples[name]
    if lang not in known:
        fail(f"there is no language {lang}; there are {', '.join(known)}")
    rendered = gallery.renderers()(chosen).render_values(template, chosen.values, known[lang])
    if output == "json":
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(rendered), indent=2).decode() + "\n")
    else:
        sys.stdout.write(str(getattr(rendered, output)))
