"""A team's own mail with a link."""

from pathlib import Path


def write_own_mail(folder: Path, title: str = "", says: str = "Go") -> str:
    """Write it as MJML, which Jinja fills for each mail; return the folder for the settings."""
    file = folder / "password_reset" / "password_reset.mjml"
    file.parent.mkdir()
    file.write_text(
        f"<mjml><mj-head><mj-title>{title}</mj-title></mj-head><mj-body><mj-section><mj-column>"
        f'<mj-button href="{{{{ link '
        f'}}}}">{says}</mj-button></mj-column></mj-section></mj-body></mjml>',
        "utf-8",
    )
    return str(folder)
