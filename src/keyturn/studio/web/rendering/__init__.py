"""From a view to its mail, and back to the lines of its templates."""
