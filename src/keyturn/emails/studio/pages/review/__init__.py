"""The pages for looking over a folder: the findings, the contact sheet, snapshots and revisions."""
