"""Rules about samples, groups, references and masks."""
