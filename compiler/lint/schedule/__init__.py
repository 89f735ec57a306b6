"""Rules about context, batches, learning rates and timelines."""
