"""What the checks found before, kept as long as nothing has changed that has a part in it.

A template's findings are known by the contents of all that they come of (`content_keys`): its own files and samples,
all files that others share or may, the catalogues, the settings, and the code and data of the checks. What code of
somebody's has a part in is not kept: an app's environment, typed props.

They lie in the cache folder of the person (`kept_results`), never in the folder that is checked: a branch could bring
findings of its own along.
"""
