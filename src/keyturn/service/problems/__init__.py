"""The errors that users see: a class for each, with status, slug, title, outcome, members and sentence.

The API's answers, their description in OpenAPI, the pages, the metrics and the audit trail read the class. To add a
problem, write a class in the file of its subject. Its page shows the title and the sentence, unless
`pages/templates/refusal.html` has a text for it.
"""
