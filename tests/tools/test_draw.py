"""A spec drawn: what hangs under what, what is read, and how turns of loops are laid on one another."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lehr.compiler.journey import travel
from lehr.compiler.lint.config import Config
from lehr.compiler.lint.rules import rules
from lehr.compiler.tools.draw import draw
from lehr.compiler.tools.drawing import DATA, RESOURCES, Drawing, Moves, Range, boxes, gathered, keep, prefix
from lehr.compiler.tools.fold import fold, is_even
from lehr.compiler.tools.markup import as_json, dot, mermaid
from lehr.compiler.tools.tree import tree

QUIET = Config(ignore=tuple(rules()))
HEAD = """\
lehr 1
pipeline odd {}
corpus raw  { source = builtin("prose");  tokens = 10M }
corpus good { source = builtin("skills");  tokens = 1M }
tokenizer words { from = [raw];  vocab = 1024 }
arch small { layers = 2;  width = 64;  heads = 4;  kv_heads = 2;  ffn = 192;  vocab = words.vocab }
arch wide like small { ffn = 256 }
prompts asks { examples = 100 }
"""
STEPS = """
each size for shape in [small, wide] {
  init seed { arch = shape;  tokenizer = words }
  train base { from = seed;  data = raw;  tokens = 100k;  context = 64 context;  batch = 1Ki;  lr = 1e-3 }
}
repeat more for i in 1..3 carry at = size[2].base {
  sample out { from = at;  prompts = asks }
  label marks { of = out;  by = oracle(shorter) }
  reward grader { from = at;  data = marks;  epochs = 1;  batch = 4 sequences;  lr = 1e-4 }
  sft tuned { from = at;  data = out;  epochs = i;  batch = 4 sequences;  lr = 1e-4 }
  next at = tuned
}
repeat again for i in 1..2 carry at = more.at {
  sft tuned { from = at;  data = good;  tokens = 2k;  batch = 4 sequences;  lr = 1e-4 }
  next at = tuned
}
sft early { from = more[1].tuned;  data = good;  tokens = 2k;  batch = 4 sequences;  lr = 1e-4 }
preferences people { examples = 100 }
bench prefers { suite = preference(people) }
eval judged { of = [more[1].grader, more[2].grader];  benches = [prefers] }
release first  { model = more[1].tuned }
release last   { model = again.at }
release scorer { model = more[3].grader }
"""
Draw = Callable[..., Drawing]


@pytest.fixture
def drawn(tmp_path: Path) -> Draw:
    """The drawing of a spec's text, without what only `--data` asks for."""

    def make(text: str = STEPS, data: bool = False) -> Drawing:
        path = tmp_path / "recipe.lehr"
        path.write_text(HEAD + text)
        journey = travel(str(path), (), ("full",), config=QUIET)
        assert journey.letters == []
        whole = draw(journey.views["full"])
        hidden = RESOURCES if data else (*DATA, *RESOURCES)
        return keep(whole, {node.address for node in whole.nodes if node.kind not in hidden})

    return make


def under(drawing: Drawing, address: str) -> str:
    return drawing.by_address[address].under


def test_a_folded_tree(drawn: Draw, golden):
    golden("drawn.txt", tree(fold(drawn())))


def test_an_unrolled_tree_with_data(drawn: Draw, golden):
    golden("unrolled.txt", tree(drawn(data=True)))


def test_a_model_hangs_under_the_one_it_starts_from_where_both_stand_side_by_side(drawn: Draw):
    whole = drawn()
    assert under(whole, "size[1].base") == "size[1].seed"
    assert under(whole, "size[1].seed") == "size[1]"
    assert under(whole, "size[1]") == "size"
    assert under(whole, "more") == ""  # beside `size`, which is a root, and not inside it
    assert under(whole, "more[2].tuned") == "more[2]"
    assert under(whole, "more[2].marks") == "more[2].out"
    assert under(whole, "early") == ""


def test_a_loop_hangs_under_the_model_that_it_carries(drawn: Draw):
    whole = drawn(
        "init seed { arch = small;  tokenizer = words }\n"
        "train base { from = seed;  data = raw;  tokens = 64k;  context = 64 context;  batch = 1Ki;  lr = 1e-3 }\n"
        "repeat more for i in 1..2 carry at = base {\n"
        "  sft tuned { from = at;  data = good;  tokens = 2k;  batch = 4 sequences;  lr = 1e-4 }\n"
        "  next at = tuned\n}\n"
        "sft final { from = more.at;  data = good;  tokens = 2k;  batch = 4 sequences;  lr = 1e-4 }\n"
        "release all { model = final }\n"
    )
    assert under(whole, "more") == "base"
    assert (
        under(whole, "final") == "base"
    )  # it starts from what the loop hands on, and stands beside the loop
    assert tree(fold(whole)).count("← more[2].tuned") == 1


def test_what_is_read_is_told_by_the_name_that_changes(drawn: Draw):
    edges = {(edge.source, edge.target): edge for edge in drawn().edges}
    assert edges["size[2].base", "more[1].out"].through == "at"
    assert not edges["size[2].base", "more[1].out"].carried
    assert edges["more[1].tuned", "more[2].out"].carried
    assert edges["more[2].out", "more[2].tuned"].through == ""
    assert edges["small", "size[1].seed"].through == "shape"


def test_facts_that_differ_from_turn_to_turn_become_ranges(drawn: Draw):
    folded = fold(drawn())
    assert folded.by_address["more[*].tuned"].facts["steps"] == Range(25, 75)
    assert folded.by_address["size[*].seed"].facts["arch"] == "small, wide"
    assert folded.by_address["more[*].out"].count == 3


def test_what_only_a_run_can_tell_of_one_turn_is_not_told_of_all(drawn: Draw):
    half = 'each some for part in [out, out.filtered("easy")] {\n'
    whole = drawn(
        "init seed { arch = small;  tokenizer = words }\n"
        "train base { from = seed;  data = raw;  tokens = 64k;  context = 64 context;  batch = 1Ki;  lr = 1e-3 }\n"
        "sample out { from = base;  prompts = asks }\n"
        f"{half}  sft tuned {{ from = base;  data = part;  epochs = 1;  batch = 4 sequences;  lr = 1e-4 }}\n}}\n"
        "merge all { of = some[*].tuned }\nrelease done { model = all }\n"
    )
    assert whole.by_address["some[1].tuned"].facts["steps"] == 25
    assert whole.by_address["some[2].tuned"].facts == {"waits": "out"}
    assert fold(whole).by_address["some[*].tuned"].facts == {"waits": "out"}
    assert "known after out ← base, part" in tree(fold(whole))


def test_a_release_is_marked_at_the_loop_only_where_the_loop_hands_it_on(drawn: Draw):
    folded = fold(drawn())
    assert {name: under(folded, name) for name in ("first", "last", "scorer")} == {
        "first": "",
        "last": "again",
        "scorer": "",
    }


def test_turns_are_folded_only_where_they_are_alike(drawn: Draw):
    whole = drawn()
    everything = {node.address for node in whole.nodes}
    assert is_even(whole, keep(whole, everything))
    assert is_even(whole, keep(whole, {name for name in everything if not name.endswith("marks")}))
    assert not is_even(whole, keep(whole, {"more[2].tuned"}))


def test_what_is_left_of_a_selection_moves_up(drawn: Draw):
    whole = drawn()
    part = keep(whole, {"size[1].base", "more[2].marks", "first"})
    assert [node.address for node in part.nodes] == [
        "size", "size[1]", "size[1].base", "more", "more[2]", "more[2].marks", "first"
    ]  # fmt: skip
    assert under(part, "size[1].base") == "size[1]"
    assert under(part, "more[2].marks") == "more[2]"
    assert under(part, "first") == ""


def test_moving_values_keep_their_first_and_last(drawn: Draw):
    whole = drawn(
        "init seed { arch = small;  tokenizer = words }\n"
        "train base { from = seed;  data = raw;  tokens = 300k;  lr = 1e-3;  batch = 2Ki\n"
        "  context = 64 context -> 128 context at 20% -> 256 context at 40% -> 512 context at 60% }\n"
        "release out { model = base }\n",
        data=True,
    )
    facts = whole.by_address["base"].facts
    assert facts["context"] == Moves(64, 512, 3)
    assert (facts["batch"], facts["length"], facts["steps"]) == (2048, 300_000, 147)
    assert "300k tokens · 64→512 in three · 2Ki · 147 steps ← raw  ⇒ out" in tree(whole)
    assert whole.by_address["raw"].facts["passes"] == pytest.approx(147 * 2048 / 10e6, abs=1e-6)


def test_a_name_cannot_break_out_of_dot_or_mermaid(drawn: Draw):
    whole = drawn('load end { path = "a\\"b#<i>" }\nrelease out { model = end }\n')
    assert '"end" [label = "end\\nload\\na\\"b#<i>"];' in dot(whole)
    assert 'n_end["end<br/>load<br/>a#quot;b#35;#lt;i#gt;"]' in mermaid(whole)


@pytest.mark.parametrize("unroll", [False, True])
def test_every_format_draws_the_same_nodes_and_edges(drawn: Draw, unroll: bool):
    drawing = drawn(data=True) if unroll else fold(drawn(data=True))
    said = json.loads(as_json(drawing))
    blocks = [node for node in said["nodes"] if node["kind"] not in ("repeat", "each", "turn")]
    assert len(blocks) == len(re.findall(r'^ +"[^"]*" \[label', dot(drawing), re.M))
    assert len({node["address"] for node in said["nodes"]}) == len(said["nodes"])
    pairs = {(edge["from"], edge["to"], edge.get("carried", False)) for edge in said["edges"]}
    assert len(pairs) == dot(drawing).count(" -> ") == len(re.findall(r" -\.?->", mermaid(drawing)))
    ends = {end for one, other, _ in pairs for end in (one, other)}
    assert ends <= {node["address"] for node in blocks}
    assert mermaid(drawing).count("subgraph ") == dot(drawing).count("subgraph ")
    assert dot(drawing).count("{") == dot(drawing).count("}")


def test_colour_and_ascii_change_no_letter(drawn: Draw):
    plain = tree(fold(drawn()))
    assert re.sub(r"\x1b\[\d*m", "", tree(fold(drawn()), colour=True)) == plain
    assert tree(fold(drawn()), unicode=False).isascii()


def test_addresses_are_taken_apart():
    assert boxes("post[1].each[2].tuned") == ["post", "post[1]", "post[1].each", "post[1].each[2]"]
    assert boxes("post[1]") == ["post"]
    assert boxes("house.words") == []
    assert prefix("post[1].each") == "post[1]."
    assert gathered(["a[1].b", "a[2].b", "c"]) == ["a[1..2].b", "c"]
    assert gathered(["a[1].b", "a[3].b"]) == ["a[1,3].b"]
