"""What `bench/train.py` compares: the same model and batch, ours and theirs, and how each is measured."""
