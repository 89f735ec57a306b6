"""Slips in the text itself, in data, in yardsticks and claims."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .slip import Change, first_train, having, put, say, slip
from .written import Block, Loop, Recipe

# ---- the text itself ------------------------------------------------------------------------


@slip("SPC01 misspelled field", "NAM102", "NAM109")
def misspelled_field(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks():
        if block.kind not in ("mix", "profile"):
            for field in block.fields:
                yield lambda block=block, field=field: _rename(block, field)


def _rename(block: Block, field: str) -> None:
    block.fields = {f"{name}e" if name == field else name: value for name, value in block.fields.items()}


@slip("SPC01 misspelled kind", "NAM103", "NAM102")
def misspelled_kind(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("corpus", "init", "train", "sft", "dpo", "merge"):
        if block.name:
            yield lambda block=block: setattr(block, "kind", block.kind + "n")


@slip("SPC01 misspelled name", "NAM101")
def misspelled_name(recipe: Recipe) -> Iterator[Change]:
    for field in ("from", "teacher", "prompts", "reference", "model", "optimizer"):
        for block in having(recipe, field):
            if re.fullmatch(r"[a-z_]+\d+", block.fields[field]):
                yield put(block, field, block.fields[field] + "0")


@slip("SPC02 param that nothing reads", "NAM201")
def unread_param(recipe: Recipe) -> Iterator[Change]:
    yield say(recipe, "param warmup: steps = 20")


@slip("SPC02 field that nothing reads", "NAM203")
def unread_field(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("merge"):
        if block.fields.get("method", "linear") == "linear":
            yield put(block, "density", "40%")
    for block in recipe.blocks("reward"):
        if block.fields.get("loss") != "soft_label":
            yield put(block, "levels", "[90%, 60%]")


@slip("SPC02 loop whose turns are all the same", "LIN203")
def same_turns(recipe: Recipe) -> Iterator[Change]:
    for part in recipe.parts:
        if isinstance(part, Loop) and part.head.startswith("each"):
            yield lambda part=part: part.body[0].fields.pop("rng")


@slip("BUD04 unit of another kind", "UNI103")
def other_unit(recipe: Recipe) -> Iterator[Change]:
    for block in having(recipe, "tokens", "train", "distill", "prune", "sft", "dpo", "rl"):
        yield put(block, "tokens", "400 steps")


@slip("BUD04 number without a unit", "UNI101")
def bare_number(recipe: Recipe) -> Iterator[Change]:
    for block in having(recipe, "tokens", "train", "corpus"):
        yield put(block, "tokens", "4_000_000_000")


@slip("BUD04 context in thousands", "UNI201", "SCH101", "SCH205", "SCH207", "SCH210", "DAT206", "SCH216")
def thousands(recipe: Recipe) -> Iterator[Change]:
    for block in having(recipe, "context", "bench"):
        yield put(block, "context", "1000 context")


# ---- data -----------------------------------------------------------------------------------


@slip("BUD01 small corpus", "DAT203")
def small_corpus(recipe: Recipe) -> Iterator[Change]:
    if "0.0001" not in recipe.text():
        for block in having(recipe, "lengths", "corpus"):
            yield put(block, "tokens", "1k")


@slip("BUD01 many epochs", "DAT203")
def many_epochs(recipe: Recipe) -> Iterator[Change]:
    for block in having(recipe, "epochs", "sft", "reward", "dpo"):
        yield put(block, "epochs", "12")


@slip("BUD01 few prompts", "DAT207", "DAT208", "SCH204", "SCH209", "SCH206")
def few_prompts(recipe: Recipe) -> Iterator[Change]:
    if any(block.fields.get("epochs") is None for block in recipe.blocks("rl")):
        for block in recipe.blocks("prompts"):
            yield put(block, "examples", "40")


@slip("BUD02 less data than a batch", "DAT208", "SCH204", "SCH209", "SCH206")
def little_data(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("preferences"):
        yield put(block, "examples", "8")


@slip("BUD03 total that disagrees", "CLM101")
def wrong_total(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("train"):
        yield say(recipe, f"expect {block.name}.steps == 3 * {block.name}.steps within 10%")


@slip("DTA01 mix of more than the whole", "DAT102")
def fat_mix(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("mix"):
        for name, share in block.fields.items():
            if re.fullmatch(r"\d+%", share):
                yield put(block, name, f"{int(share[:-1]) + 100}%")


@slip("DTA01 share that fades", "DAT201")
def fading_share(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("mix"):
        for name, share in block.fields.items():
            if "rest" in block.fields.values() and re.fullmatch(r"\d+%", share):
                yield put(block, name, f"{share} ~> 0% by end")


@slip("DTA04 one source after the other", "DAT209")
def sequential(recipe: Recipe) -> Iterator[Change]:
    first, *_, second = [one.name for one in recipe.blocks("corpus") if "contains" not in one.fields] * 2
    if first == second:
        return
    for block in recipe.blocks("train"):
        yield put(block, "data", f"{first} -> {second} at 50%")


@slip("DED01 threshold that nobody meant", "DAT210")
def threshold(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("dedup"):
        yield put(block, "by", "minhash(shingle: 5, bands: 100, rows: 2)")


@slip("DTA02 batch of another round", "DAT204")
def stale(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("dpo"):
        if ".latest(" in block.fields["data"]:
            yield put(block, "data", block.fields["data"].replace("(turn)", "(1)"))
            yield put(block, "data", block.fields["data"].split(".")[0])


@slip("EVL01 questions in the data", "DAT205")
def contaminated(recipe: Recipe) -> Iterator[Change]:
    raw = {one.name for one in having(recipe, "contains", "corpus")}
    reads_the_mix = first_train(recipe).fields["data"].startswith("mix")
    for block in recipe.blocks("curate"):
        if block.fields["of"] in raw and reads_the_mix:
            yield lambda block=block: setattr(
                block, "inner", [one for one in block.inner if one.kind != "decontaminate"]
            )


# ---- yardsticks and claims ----------------------------------------------------------------------


@slip("EVL02 scores of two benches", "CLM203")
def two_yardsticks(recipe: Recipe) -> Iterator[Change]:
    one, *others = [block.name for block in recipe.blocks("bench")]
    for other in others:
        name = first_train(recipe).name
        yield say(recipe, f"expect {name}.scores.{one} >= {name}.scores.{other}")


@slip("EVL03 bench longer than the model", "SCH210")
def long_bench(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("bench") if not recipe.blocks("load") else ():
        yield put(block, "context", "8M context")


@slip("EVL03 gate never measured", "CLM103")
def idle_gate(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("train"):
        for place, line in enumerate(block.more):
            if "->" not in block.fields["context"]:
                yield lambda block=block, place=place, line=line: block.more.__setitem__(
                    place, re.sub(r"at \w+$", "at context", line)
                )


@slip("BUD03 claim that cannot fail", "CLM201")
def tautology(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("train"):
        yield say(recipe, f"expect {block.name}.steps == {block.name}.steps")


@slip("BUD03 claim that allows everything", "CLM202")
def wide(recipe: Recipe) -> Iterator[Change]:
    for block in recipe.blocks("train"):
        yield say(recipe, f"expect {block.name}.steps >= 20 steps within 150%")
