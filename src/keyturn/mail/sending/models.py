from sqlalchemy import Double, String
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.database import Model


class PaceRow(Model):
    """When a provider may be called next, in seconds since 1970: one row for all the workers that share its limit."""

    __tablename__ = "keyturn_pace"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    next_at: Mapped[float] = mapped_column(Double)
