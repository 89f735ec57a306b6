"""Rules about corpora, mixes, budgets and preference batches."""
