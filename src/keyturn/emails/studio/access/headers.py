"""What every answer carries: it is what it says it is, it gives no address away, and no other site may load it.

Chromium looks up the hosts of a page's links before any is followed. The header turns that off, and what a page says
itself does not turn it on again.
"""

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-dns-prefetch-control": "off",
}
