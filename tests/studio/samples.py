"""Samples of Keyturn's own mails."""

from pathlib import Path
from typing import TypeVar

from keyturn.mail.rendering.folders import own_files
from keyturn.mail.rendering.render import EmailProps
from keyturn.studio.gallery.samples.files import find_samples, fit_samples

Props = TypeVar("Props", bound=EmailProps)


def read_samples(folder: Path, props: type[Props]) -> dict[str, Props]:
    """Return the samples of a mail, by name. Raises TemplateInvalid."""
    return fit_samples(find_samples(folder, props.template, own_files(props.template).markup), props)
