"""The edition of each stage's code, by kind of step.

Raise one when, and only when, its stage comes to other results: every artifact of
the stage, and all that follow from them, get new addresses.  What was finished with
an older edition is kept and marked, until `--force` repeats it.
"""

EDITIONS = {
    "corpus": 1,
    "prompts": 2,
    "classifier": 1,
    "curate": 1,
    "tokenizer": 2,
    "tokenize": 2,
    "preferences": 1,
    "init": 1,
    "load": 1,
    "train": 3,
    "prune": 1,
    "upcycle": 1,
    "merge": 1,
    "targets": 1,
    "part": 1,
    "sft": 2,
    "distill": 2,
    "reward": 2,
    "dpo": 2,
    "sample": 2,
    "label": 1,
    "synthesize": 2,
    "pick": 2,
    "rl": 2,
    "eval": 5,
    "release": 2,
}
