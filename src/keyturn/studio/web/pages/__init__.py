"""The pages: the studio's handlers, in `HANDLERS` of each module, and the data of each page."""
