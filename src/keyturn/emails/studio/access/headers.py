"""What every answer carries: it is what it says it is, it gives no address away, and no other site may load it."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
