"""render: an email on standard output."""

import sys

import click
import msgspec

from keyturn.cli.terminal import fail
from keyturn.parts import Parts
from keyturn.settings import read_settings


@click.command()
@click.argument("template")
@click.option("--sample", help="Which sample; the first where none is named.")
@click.option(
    "--format", "output", type=click.Choice(["html", "text", "mjml", "json"]), default="html", show_default=True,
    help="json holds subject, preheader and all parts.",
)  # fmt: skip
def render(template: str, sample: str | None, output: str) -> None:
    """Render an email with a sample, to standard output.

    \b
    Example:  keyturn render password_reset --sample viewer --format text
    """
    from keyturn.mail.samples import read_samples  # noqa: PLC0415
    from keyturn.reset.emails import EMAILS  # noqa: PLC0415

    if template not in EMAILS:
        fail(f"there is no template {template}; there are {', '.join(sorted(EMAILS))}")
    parts = Parts(read_settings(sending=False))
    samples = read_samples(parts.templates.folder, EMAILS[template])
    name = sample or next(iter(samples), None)
    if name not in samples:
        fail(f"{template} has no sample {name}; it has {', '.join(samples) or 'none'}")
    rendered = parts.templates.render(samples[name], parts.languages.choose(""))
    if output == "json":
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(rendered), indent=2).decode() + "\n")
    else:
        sys.stdout.write(str(getattr(rendered, output)))
