"""What a studio is made of."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from keyturn.languages import Languages
from keyturn.mail.render import EmailProps, Templates


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """The parts that the studio shows, put together by whoever starts it.

    `templates` must have been built with `reload=True`. `props` are the typed props by template; a template without
    any is given the plain values of its samples. `sender` is what stands in From. `outbox` is the folder that
    captured mails are written to, None where nothing is captured. `host` is what the server is bound to.

    Set `stopping` when the server is asked to stop: an open page holds a stream, and the server waits for it.
    """

    templates: Templates
    props: Mapping[str, type[EmailProps]]
    languages: Languages
    sender: str
    outbox: Path | None = None
    host: str = "127.0.0.1"
    stopping: threading.Event = field(default_factory=threading.Event)
