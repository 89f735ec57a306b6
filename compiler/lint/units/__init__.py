"""Rules about how quantities are written."""
