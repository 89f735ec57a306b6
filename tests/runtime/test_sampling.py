"""Models that answer, judges, labels and text that a model writes: a pipeline of seconds, and a server that fails."""

import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from rooms import desk

from lehr.compiler import compile as compile_spec
from lehr.compiler.plan.model import Checker, Endpoint, Origin, Plan, SampleWork, Step
from lehr.runtime.engine.ledger import read as read_ledger
from lehr.runtime.engine.walk import run
from lehr.runtime.errors import Held, StageError
from lehr.runtime.parts.chat.rows import Prompt, Turn, read_conversations, read_pairs, write_prompts
from lehr.runtime.parts.data.tables import read_records
from lehr.runtime.parts.sampling.choosing import Answer, best, extremes, top
from lehr.runtime.parts.sampling.endpoint import Client, Unanswered
from lehr.runtime.stages import sample
from lehr.runtime.stages.editions import EDITIONS
from lehr.runtime.store.artifact import Store

HEAD = """\
lehr 1
pipeline tiny { rng = 7 }
corpus gold { source = synthetic(seed: 1);  tokens = 20k;  lengths = 64 context..128 context }
tokenizer words { from = [gold];  vocab = 300;  sample = 20kB }
arch small { layers = 1;  width = 32;  heads = 2;  kv_heads = 1;  ffn = 64;  vocab = words.vocab;  tied = true }
init newborn { arch = small;  tokenizer = words;  std = 0.06 }
train grown { from = newborn;  data = gold;  steps = 4;  context = 64 context;  batch = 256 tokens;  lr = 3e-3 }
train last  { from = grown;    data = gold;  steps = 2;  context = 64 context;  batch = 256 tokens;  lr = 3e-3 }
"""
STAGES = """\
prompts asks { source = builtin("skills");  examples = 20 }
sample tries  { from = [grown, last];  prompts = asks;  per_prompt = 2..4;  judge = exact_answer;  keep = best(1)
  max_new = 12 tokens;  temperature = 1.5 }
sample duels  { from = last;  prompts = asks;  per_prompt = 6;  judge = shorter;  keep = extremes;  max_new = 12 tokens
  stop = ["e", "a"] }
sample every  { from = last;  prompts = asks;  per_prompt = 2;  max_new = 12 tokens }
sample third  { from = last;  prompts = asks;  per_prompt = 2;  judge = command("grade.py");  keep = top(30%)
  max_new = 12 tokens;  stop = ["e", "a"] }
sample chosen { from = top(1, [grown, last], by: shorter);  prompts = asks;  max_new = 12 tokens }
label liked   { of = every;  by = oracle(shorter) }
synthesize more { by = last;  seeds = gold;  template = "ask.jinja";  count = 60;  max_new = 12 tokens
  keep = shorter }
label asked   { of = duels;  by = people("queue") }
"""


def planned(folder: Path, text: str = HEAD + STAGES) -> Plan:
    (folder / "grade.py").write_text(
        "import json, sys\nfor line in sys.stdin: print(len(json.loads(line)['answer']))\n"
    )
    (folder / "ask.jinja").write_text("Go on: {{ text[:20] }}\n")
    (folder / "tiny.lehr").write_text(text)
    here = Path.cwd()
    os.chdir(folder)
    try:
        plan, letters = compile_spec("tiny.lehr", editions=EDITIONS)
    finally:
        os.chdir(here)
    assert plan, letters
    return plan


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Plan]:
    """A run that waits for people, and all that came before."""
    folder = tmp_path_factory.mktemp("sampling")
    plan = planned(folder)
    with pytest.raises(Held) as caught:
        run(plan, root=folder)
    assert (caught.value.code, caught.value.step) == ("RUN227", "asked")
    return folder, plan


def made(ran: tuple[Path, Plan], name: str) -> tuple[Path, dict[str, Any]]:
    folder, plan = ran
    store = Store(folder / plan.store)
    fingerprint = plan.step(name).fingerprint
    return store.path(fingerprint), store.facts(fingerprint)


# ---- answers -----------------------------------------------------------------------------------


def test_the_best_answer_of_a_prompt_is_taken_over_the_whole_committee(ran: tuple[Path, Plan]):
    folder, facts = made(ran, "tries")
    kept = list(read_conversations(folder))
    assert facts["examples"] == len(kept) <= facts["prompts"] == 20
    assert 20 * 2 * 2 <= facts["answers"] <= 20 * 4 * 2
    assert sum(facts["members"]) == len(kept)
    assert all(one.messages[-1].role == "assistant" and one.meta["ended"] for one in kept)
    assert facts["score"]["kept"] >= facts["score"]["random"]
    assert facts["right"]["kept"] >= facts["right"]["random"]


def test_extremes_are_pairs_of_unlike_answers_and_texts_that_stop_are_left_out(ran: tuple[Path, Plan]):
    folder, facts = made(ran, "duels")
    pairs = list(read_pairs(folder))
    assert len(pairs) + facts["without"] == 20
    for pair in pairs:
        assert pair.meta["scores"][0] > pair.meta["scores"][1]
        assert pair.chosen != pair.rejected
        assert not {"e", "a"} & set(pair.chosen)


def test_all_answers_stay_and_a_program_judges_a_share(ran: tuple[Path, Plan]):
    assert len(list(read_conversations(made(ran, "every")[0]))) == 40
    folder, facts = made(ran, "third")
    assert len(list(read_conversations(folder))) == facts["examples"] <= 12
    assert facts["score"]["kept"] > facts["score"]["random"]


def test_a_model_is_chosen_by_what_its_answers_are_worth(ran: tuple[Path, Plan]):
    name = next(step.address for step in ran[1].steps if step.work.kind == "pick")
    folder, facts = made(ran, name)
    best_one = ("grown", "last")[facts["chosen"][0]]
    assert (folder / "model.safetensors").read_bytes() == (
        made(ran, best_one)[0] / "model.safetensors"
    ).read_bytes()
    assert facts["scores"][facts["chosen"][0]] == max(facts["scores"])


# ---- labels and written text ---------------------------------------------------------------------


def test_a_check_stands_for_people(ran: tuple[Path, Plan]):
    folder, facts = made(ran, "liked")
    pairs = list(read_pairs(folder))
    assert len(pairs) == facts["pairs"]
    assert all(len(pair.chosen.strip()) < len(pair.rejected.strip()) for pair in pairs)


def test_written_text_is_a_corpus_that_says_where_it_comes_from(ran: tuple[Path, Plan]):
    folder, facts = made(ran, "more")
    rows = [*read_records(folder / "train.parquet"), *read_records(folder / "heldout.parquet")]
    assert len(rows) == facts["examples"] <= 60
    for _, text, meta in rows:
        told = json.loads(meta)
        assert (told["by"], told["template"]) == ("last", "ask.jinja")
        assert told["seed"].startswith("synthetic/")
        assert [turn["content"] for turn in told["messages"]][1] == text
    assert list(read_conversations(folder))


def test_a_run_waits_for_people_and_goes_on_with_their_labels(ran: tuple[Path, Plan]):
    folder, plan = ran
    queue = [json.loads(line) for line in (folder / "queue/queue.jsonl").read_text().splitlines()]
    page = (folder / "queue/label.html").read_text()
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
    assert read_ledger(folder / plan.run).entries["asked"].state == "held"
    labels = folder / "queue/labels.jsonl"
    labels.write_text('{"id": "nobody", "better": "a"}\n')
    with pytest.raises(StageError, match=r"labels\.jsonl:1 labels 'nobody', which nobody asked") as caught:
        run(plan, root=folder)
    assert caught.value.code == "RUN225"
    rows = [{"id": one["id"], "better": "b", "level": 1, "edited": "so"} for one in queue]
    rows[0] = {"id": rows[0]["id"], "better": "tie"}
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows[:-1]))
    with pytest.raises(Held):
        run(plan, root=folder)
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(plan, root=folder)
    pairs = list(read_pairs(made(ran, "asked")[0]))
    assert len(pairs) == len(queue) - 1
    assert [(one.chosen, one.rejected, one.level, one.edited) for one in pairs] == [
        (row["b"], row["a"], 1, "so") for row in queue[1:]
    ]


@pytest.mark.parametrize(("point", "name"), [("answers", "tries"), ("written", "more")])
def test_a_run_killed_between_batches_comes_to_the_same_files(
    ran: tuple[Path, Plan], tmp_path: Path, point: str, name: str, monkeypatch: pytest.MonkeyPatch
):
    folder, plan = ran
    store = Store(folder / plan.store)
    step = plan.step(name)
    inputs = {role: store.path(plan.step(one).fingerprint) for role, one in step.inputs.items()}
    module = sample if name == "tries" else sys.modules["lehr.runtime.stages.synthesize"]
    monkeypatch.setattr(module, "_ANSWERS" if name == "tries" else "_WRITTEN", 40 if name == "tries" else 8)
    whole = desk(tmp_path / "whole", root=folder)
    module.run(step, inputs, whole)
    assert len(whole.checkpoints.states) > 2
    cut = desk(tmp_path / "cut", root=folder)
    cut.checkpoints.states = whole.checkpoints.states[:1]
    module.run(step, inputs, cut)
    assert ("resumed", {"step": whole.checkpoints.states[0][0]}) in cut.said
    for path in whole.folder.iterdir():
        assert path.read_bytes() == (cut.folder / path.name).read_bytes(), point


# ---- choosing ----------------------------------------------------------------------------------


def answer(number: int, text: str, score: float, ended: bool = True, place: int = 0) -> Answer:
    return Answer(place, 0, number, text, ended, len(text), score)


def test_what_was_cut_off_is_never_the_best_and_equals_make_no_pair():
    some = [answer(0, "a", 1.0), answer(1, "bb", 9.0, ended=False), answer(2, "c", 2.0), answer(3, "c", 2.0)]
    assert [one.text for one in best(some, 3, 1)] == ["c", "a"]
    pair = extremes(some, 1)
    assert pair
    assert [one.text for one in pair] == ["c", "bb"]
    assert extremes([answer(0, "a", 1.0), answer(1, "b", 1.0)], 1) is None
    assert extremes([answer(0, "a", 1.0, ended=False)], 1) is None
    assert [one.text for one in top([*some, answer(4, "d", 3.0, place=1)], 0.4, 1)] == ["c", "d"]


def test_ties_favour_no_member():
    firsts = [
        best([Answer(place, member, 0, f"{member}", True, 1, 1.0) for member in range(2)], 1, 3)[0].member
        for place in range(200)
    ]
    assert 70 < sum(firsts) < 130


# ---- endpoints ---------------------------------------------------------------------------------


class Served(BaseHTTPRequestHandler):
    """Answers as its server's `script` says, in turn; the last word of it for ever."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server: Any = self.server
        server.asked.append(body)
        deed = server.script.pop(0) if len(server.script) > 1 else server.script[0]
        said = {"choices": [{"message": {"content": f"to {len(server.asked)}"}, "finish_reason": "stop"}]}
        raw = json.dumps(said).encode()
        if deed == "hang":
            server.free.wait(5)
            return
        self.send_response(int(deed) if deed.isdigit() else 200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw[:9] if deed == "half" else b"[" + raw[1:] if deed == "odd" else raw)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    made: Any = ThreadingHTTPServer(("127.0.0.1", 0), Served)
    made.script, made.asked, made.free = ["ok"], [], threading.Event()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.free.set()
    made.shutdown()
    made.server_close()


def client(server: Any, **settings: Any) -> Client:
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    return Client(Endpoint(url=url, model="m"), **{"seconds": 0.3, "tries": 3, "pause": 0.01, **settings})


@pytest.mark.parametrize("fault", ["500", "half", "odd", "hang"])
def test_an_endpoint_is_asked_again_and_not_for_ever(server: Any, fault: str):
    server.script = [fault, fault, "ok"]
    assert client(server).answer([{"role": "user", "content": "q"}], {"max_tokens": 3}).text == "to 3"
    assert server.asked[-1]["model"] == "m"
    server.script = [fault]
    with pytest.raises(Unanswered, match=r"3 times"):
        client(server).answer([], {})


def test_what_an_endpoint_refuses_is_not_asked_again(server: Any):
    server.script = ["404"]
    with pytest.raises(Unanswered, match="answered 404"):
        client(server).answer([], {})
    assert len(server.asked) == 1


def test_answers_of_an_endpoint_are_kept_when_it_fails(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("lehr.runtime.parts.sampling.endpoint._PAUSE", 0.0)
    (tmp_path / "asks").mkdir()
    rows = (Prompt(f"p{at}", (Turn("user", f"q{at}"),), {"answer": "x"}) for at in range(20))
    write_prompts(tmp_path / "asks/prompts.parquet", rows)
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    work = SampleWork(
        endpoints={"model:0": Endpoint(url=url, model="")},
        per_prompt=(1, 1), judge=Checker(name="shorter"), keep="all", count=None, share=None,
        temperature=1.0, top_p=1.0, max_new=8, template=None, rng=1,
    )  # fmt: skip
    origin = Origin(path="x.lehr", line=1, column=1)
    step = Step(address="tries", fingerprint="0" * 64, inputs={}, work=work, origin=origin)
    room = desk(tmp_path / "room")
    server.script = ["ok"] * 16 + ["403"]
    with pytest.raises(StageError) as caught:
        sample.run(step, {"prompts": tmp_path / "asks"}, room)
    assert caught.value.code == "RUN223"
    assert caught.value.notes == ("16 prompts are answered and kept",)
    server.script, before = ["ok"], len(server.asked)
    facts = sample.run(step, {"prompts": tmp_path / "asks"}, room)
    assert (facts["examples"], len(server.asked) - before) == (20, 4)
