"""Rules about the linter itself: what it could not look at."""
