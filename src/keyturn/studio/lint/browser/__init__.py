"""Checks that need a browser: content that is too wide, overlaps, is cut off, or is too small to touch.

`preview/measure.js` measures a mail. `check --browser` runs it in a Chromium that Playwright drives (the extra
`browser`). It answers with the keys that `marked_html` puts on elements, so `measurements` knows the line of each
finding.

Playwright was chosen over the DevTools protocol on a pipe. The pipe would save 50 MB, but the protocol changes with
each Chromium, and its client would be ours to keep.
"""
