"""Rules beyond the types of settings: a module for each subject, and `every_rule` for all together."""
