"""Slips in schedules, shapes, lineage and post-training."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .slip import POST, Change, first_train, having, pretraining, put, slip
from .written import Block, Line, Loop, Recipe

# ---- schedules ------------------------------------------------------------------------------


@slip("SCH01 horizon behind the end", "SCH203")
def far_horizon(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("train", "distill", "sft", "reward"):
        if "by end" in block.fields["lr"] and not block.fields["data"].count("filtered"):
            yield put(block, "lr", block.fields["lr"].replace("by end", "by 90M steps"))


@slip("SCH01 horizon before the end", "SCH215", "SCH213")
def near_horizon(recipe: Recipe) -> Iterator[Change]:
    for block in pretraining(recipe):
        if block.fields["lr"].startswith("0 ~>"):
            yield put(block, "lr", block.fields["lr"].replace("by end", "by 45%"))


@slip("SCH02 warm-up of most of the stage", "SCH202")
def long_warmup(recipe: Recipe) -> Iterator[Change]:
    for block in pretraining(recipe):
        if block.fields["lr"].startswith("0 ~>"):
            yield put(block, "lr", re.sub(r"by (\d+%|20 steps)", "by 70%", block.fields["lr"], count=1))


@slip("SCH04 rate of nothing", "SCH213")
def no_rate(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("sft", "dpo", "rl"):
        if not re.search("filtered|upsampled", block.fields.get("data", "")):
            yield put(block, "lr", "0")


@slip("SCH04 jump between stages", "SCH201")
def jump(recipe: Recipe) -> Iterator[Change]:
    names = {one.name for one in pretraining(recipe) if one.kind != "prune"}
    for block in recipe.blocks("train"):
        if block.fields["from"] in names:
            yield put(block, "lr", "1.1e-3 ~> 1e-10 by end")


@slip("SCH05 point behind the end", "SCH103")
def late_point(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("train"):
        if "at 60%" in block.fields["data"]:
            yield put(block, "data", block.fields["data"].replace("60%", "130%"))


@slip("SCH05 two changes at one point", "SCH105")
def same_point(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("train", "sft"):
        yield put(block, "lr", "1e-5 ~> 9e-6 by 50% -> 8e-6 at 50%")


@slip("SCH05 batch that holds no whole sequence", "SCH101")
def ragged(recipe: Recipe) -> Iterator[Change]:
    for block in pretraining(recipe):
        yield put(block, "batch", "4_000_001 tokens")


@slip("SCH06 batch that follows the context", "SCH214", "SCH205", "SCH207", "DAT206", "SCH215", "SCH202")
def drifting(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("train"):
        if re.fullmatch(r"\d+ sequences", block.fields["batch"]) and re.fullmatch(
            r"\d+k", block.fields["context"]
        ):
            context = int(block.fields["context"][:-1])
            yield put(block, "context", f"{context}k -> {2 * context}k at 50%")


@slip("SCH07 a window in the wrong unit", "SCH204", "SCH209", "SCH206", "SCH202", "SCH113")
def short(recipe: Recipe) -> Iterator[Change]:
    for block in having(recipe, "steps", *POST):
        yield put(block, "steps", "3")


@slip("SCH08 rate of another scale", "SCH208", "SCH201")
def high(recipe: Recipe) -> Iterator[Change]:
    for block in pretraining(recipe):
        yield put(block, "lr", "0.9")


@slip("CTX01 base too short", "SCH207")
def short_base(recipe: Recipe) -> Iterator[Change]:
    for block in having(recipe, "rope", "train", "prune", "distill"):
        yield put(block, "rope", "20")


@slip("CTX03 answer that fills the context", "PST204")
def long_answer(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("sample", "rl"):
        yield put(block, "max_new", "4M tokens")


@slip("CTX04 context that falls", "SCH205", "SCH210", "SCH216", "DAT206", "PST204")
def falling(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("train")[1:]:
        if "x" not in block.fields["batch"] and "->" not in block.fields["batch"] + block.fields["context"]:
            yield put(block, "context", "256 context")


@slip("CTX04 no documents long enough", "DAT206")
def short_documents(recipe: Recipe) -> Iterator[Change]:
    for block in having(recipe, "lengths", "corpus"):
        yield put(block, "lengths", "128 context..256 context")


@slip("CKP01 checkpoint never written", "SCH209")
def late_checkpoint(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("checkpoint"):
        yield put(block, "every", "90M steps")


@slip("CKP01 average of one", "SCH206")
def average_of_one(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("average"):
        yield put(block, "every", "90M steps")


# ---- shapes ---------------------------------------------------------------------------------


@slip("SHP heads that do not divide", "SHP101")
def odd_heads(recipe: Recipe) -> Iterator[Change]:
    for block in having(recipe, "heads", "arch"):
        if block.fields["kv_heads"] != "1":
            yield put(block, "heads", "7")


@slip("SHP more active experts than there are", "SHP105")
def many_active(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("experts"):
        yield put(block, "active", "64")


@slip("ADP01 fewer rows than ids", "SHP103")
def few_rows(recipe: Recipe) -> Iterator[Change]:
    for block in having(recipe, "vocab", "arch"):
        yield put(block, "vocab", "448")


@slip("PRN01 pruned shape that grows", "SHP102")
def grown(recipe: Recipe) -> Iterator[Change]:
    targets = {block.fields["to"] for block in recipe.blocks("prune")}
    for block in recipe.blocks("arch"):
        if block.name in targets:
            yield put(block, "ffn", "1_048_576")


@slip("PAR01 model that does not divide", "SHP112")
def uneven_model(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("parallel"):
        yield put(block, "tp", "7")


@slip("PAR02 batch that does not divide", "SCH113")
def uneven_batch(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("parallel"):
        yield put(block, "dp", "7")


@slip("DST04 weights of the target", "SHP107")
def target_weights(recipe: Recipe) -> Iterator[Change]:
    for block in having(recipe, "target", "distill"):
        if "convex" in block.fields["target"]:
            yield put(block, "target", "convex(label: 10%, teacher_top1: 80%)")


@slip("MRG02 weights of the merge", "SHP107")
def merge_weights(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("merge"):
        two = block.fields["of"].count(",") == 1 and "*" not in block.fields["of"]
        if two and block.fields["method"] != "ema":  # which weighs by its rate
            yield put(block, "weights", "[30%, 60%]")


@slip("DST03 cache of whole distributions", "SHP203")
def wide_cache(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("distill"):
        if "on_policy" not in block.fields["data"]:
            yield lambda block=block: block.fields.update(target="distribution()", cache="true")


def _stranger(recipe: Recipe, tokenizer: bool) -> str:
    """A model beside the recipe's own: with another tokenizer, or of another depth."""
    seed, train = recipe.blocks("init", "load")[0], first_train(recipe)
    arch, words = seed.fields["arch"], seed.fields["tokenizer"]
    made: list[Block | Loop | Line] = []
    if tokenizer:
        old = next(one for one in recipe.blocks("tokenizer") if one.name == words)
        made.append(Block("tokenizer", "strange_words", dict(old.fields)))
        words = "strange_words"
    else:
        made.append(Block("arch", "strange_arch", {"layers": "6"}, like=arch))
        arch = "strange_arch"
    made.append(Block("init", "strange_seed", {"arch": arch, "tokenizer": words}))
    made.append(Block("train", "stranger", dict(train.fields) | {"from": "strange_seed"}))
    recipe.parts += made
    return "stranger"


@slip("RLX01 judge that reads otherwise", "SHP103", "LIN206")
def strange_judge(recipe: Recipe) -> Iterator[Change]:
    used = recipe.text()
    for block in recipe.blocks("reward"):
        if f"judge = {block.name}" in used:
            yield lambda block=block: block.fields.update({"from": _stranger(recipe, tokenizer=True)})


@slip("DST01 teacher that reads otherwise", "SHP103", "LIN103")
def strange_teacher(recipe: Recipe) -> Iterator[Change]:
    for block in having(recipe, "teacher"):
        yield lambda block=block: block.fields.update(teacher=_stranger(recipe, tokenizer=True))


@slip("MRG01 partners of two shapes", "SHP104", "LIN103")
def strange_partner(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("merge"):
        if "weights" not in block.fields and "*" not in block.fields["of"]:
            old = block.fields["of"].rstrip("]")
            yield lambda block=block, old=old: block.fields.update(
                of=f"{old}, {_stranger(recipe, tokenizer=False)}]"
            )


# ---- lineage and post-training ----------------------------------------------------------------


@slip("LIN01 stage that waits for itself", "LIN101")
def ring(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("train", "sft", "dpo"):
        yield put(block, "from", block.name)


@slip("LIN02 stage that nothing uses", "LIN103")
def forgotten(recipe: Recipe) -> Iterator[Change]:
    for number in (1, 2):
        seed = recipe.blocks("init", "load")[0]
        fields = dict(first_train(recipe).fields) | {"from": seed.name}
        yield lambda fields=fields, number=number: recipe.parts.append(
            Block("train", f"aside{number}", fields)
        )


@slip("LIN03 weights that have learnt nothing", "LIN205")
def untaught(recipe: Recipe) -> Iterator[Change]:
    for seed in recipe.blocks("init"):
        for block in recipe.blocks("release"):
            yield put(block, "model", seed.name)


@slip("DST05 teacher that is the student", "LIN204", "LIN103")
def own_teacher(recipe: Recipe) -> Iterator[Change]:
    for block in having(recipe, "teacher", "sft", "distill"):
        if block.kind == "sft" or "on_policy" in block.fields["data"]:
            yield put(block, "teacher", block.fields["from"])


@slip("RLX02 reference that is not the start", "PST202")
def other_reference(recipe: Recipe) -> Iterator[Change]:
    base = first_train(recipe).name
    for block in recipe.blocks("dpo", "rl"):
        if block.fields["from"] != base:
            yield put(block, "reference", base)


@slip("RLX03 group of one", "PST102")
def group_of_one(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("rl"):
        yield put(block, "algorithm", "rloo(rollouts: 1)")


@slip("RLX05 judge of a former checkpoint", "LIN206")
def former_judge(recipe: Recipe) -> Iterator[Change]:
    base, text = first_train(recipe), recipe.text()
    later = {one.fields["from"] for one in recipe.blocks("train") if "rope" in one.fields}
    for block in recipe.blocks("reward"):
        is_one_line = "student" not in text and base.name in later
        if is_one_line and block.fields["from"] != base.name and f"judge = {block.name}" in text:
            yield put(block, "from", base.name)


@slip("RLX06 judge that stays while rounds go on", "LIN202")
def old_judge(recipe: Recipe) -> Iterator[Change]:
    for place, part in enumerate(recipe.parts):
        if isinstance(part, Loop) and isinstance(part.body[0], Block) and part.body[0].kind == "reward":
            yield lambda place=place, part=part: _outside(recipe, place, part)


def _outside(recipe: Recipe, place: int, loop: Loop) -> None:
    judge = loop.body.pop(0)
    assert isinstance(judge, Block)
    judge.fields["data"] = judge.fields["data"].replace("(turn)", "(1)")
    recipe.parts.insert(place, judge)


@slip("RJS01 greedy answers", "PST201")
def greedy(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("sample"):
        yield put(block, "temperature", "0")


@slip("RJS01 best of as many", "PST207")
def no_choice(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("sample"):
        is_alone = "[" not in block.fields["from"] and block.fields["from"] != "committee"
        if is_alone and block.fields["keep"] in ("best(1)", "best(2)"):
            yield put(block, "per_prompt", block.fields["keep"][5])


@slip("RJS01 best of more than there are", "PST101", "PST207")
def too_many(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("sample"):
        if "best" in block.fields["keep"]:
            yield put(block, "keep", "best(64)")


@slip("FET01 answers cached before they exist", "PST103")
def cached_answers(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("distill"):
        if "on_policy" in block.fields["data"]:
            yield put(block, "cache", "true")


@slip("MRG03 one model twice", "PST206")
def twice(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("eval", "merge"):
        names = block.fields["of"].strip("[]").split(", ")
        if "weights" not in block.fields and "*" not in names[0]:
            yield put(block, "of", f"[{', '.join([names[0], *names])}]")
