"""From a view to the mail that it shows, and back to the lines of its templates."""
