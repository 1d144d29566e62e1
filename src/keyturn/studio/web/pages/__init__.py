"""The pages: the handlers of the studio, in `HANDLERS` of each module,
and the data of each page.
"""
