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
    "sft": 1,
    "distill": 2,
    "reward": 1,
    "dpo": 1,
    "sample": 1,
    "label": 1,
    "synthesize": 1,
    "pick": 1,
    "rl": 1,
    "eval": 4,
    "release": 2,
}
