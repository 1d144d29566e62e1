"""What can be asked for besides a link; each is off until the settings ask for it."""
