"""What images that lie elsewhere weigh: asked of their hosts when somebody wants it, and kept."""

from collections.abc import Iterable

_MOST = 40


class ImageWeights:
    """Knows the bytes of images by their addresses. Nothing of an image is kept or shown but what it weighs."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    async def ask(self, addresses: Iterable[str]) -> None:
        """Ask for these images; what does not come in time, or is no answer, is not known afterwards either."""
        wanted = list(dict.fromkeys(one for one in addresses if one.startswith(("https://", "http://"))))[:_MOST]
        if not wanted:
            return
        from keyturn.emails.studio.checks.image_hosts import weigh  # httpx takes 50 to 100 ms

        weights = await weigh(wanted)
        for address in wanted:
            self.known.pop(address, None)
        self.known.update(weights)
