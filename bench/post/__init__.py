"""Post-training beside TRL."""
