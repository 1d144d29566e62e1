"""The variables of templates: their uses, plausible values for them, and names that samples lack."""
