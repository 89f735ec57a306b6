"""Rules about names: what is declared and never read."""
