"""What only a browser knows of a mail: what is too wide, lies over something, is cut off, or too small to be touched.

One script measures, `preview/static/measure.js`: the studio runs it in the browser of whoever looks, on a hidden frame,
and `check --browser` in a Chromium that Playwright drives, which is the extra `browser`. It answers with the keys that
`marked_html` puts on what is drawn, so that `measurements` knows the line of each finding.

Playwright and not the DevTools protocol over a pipe: that would save its 50 MB, and cost a client of a protocol that
changes with each Chromium.
"""
