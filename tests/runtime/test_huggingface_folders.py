"""Folders of others: what is read, what leaves, and a letter for each that is not what it says."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from families import FAMILIES, VARIANTS
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from lehr.compiler.plan.model import Arch
from lehr.runtime.errors import StageError
from lehr.runtime.parts.data.vocabulary import BEGIN, END, train
from lehr.runtime.parts.huggingface import tokenizer
from lehr.runtime.parts.huggingface.config import read
from lehr.runtime.parts.huggingface.folder import export
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.initial import initialise
from lehr.runtime.parts.model.names import in_files, stacked
from lehr.runtime.parts.model.weights import fill

TEXTS = [
    "The glass cools slowly in the lehr, an hour for each inch.",
    "çà et là — 1234 ✓",
    "<|begin|> is text",
] * 9
WORDS = 320
HISTORY = [
    {
        "kind": "train",
        "steps": 60,
        "tokens": 15_360,
        "context": 64,
        "drawn": {"prose": 10_000, "code": 5_360},
    },
    {"kind": "train", "steps": 10, "tokens": 2560, "context": 96, "drawn": {"code": 2560}},
]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    made = train(TEXTS, vocab=WORDS, specials=(BEGIN, END, "<|turn|>"), split_digits=True)
    made.save(str(folder / "tokenizer.json"))
    return folder


def sized(arch: Arch) -> Arch:
    return arch.model_copy(update={"vocab": WORDS + 8})


def newborn(arch: Arch) -> Decoder:
    model = Decoder.empty(sized(arch))
    initialise(model, 0.2, 1)
    return model


@pytest.fixture
def folder(tmp_path: Path, words: Path) -> Path:
    """A small Llama that was just released, in three shards."""
    (tmp_path / "llama").mkdir()
    export(newborn(FAMILIES["llama"]), HISTORY, words, tmp_path / "llama", shard=100_000)
    return tmp_path / "llama"


def opened(folder: Path) -> Decoder:
    arch, _ = read(folder)
    tokenizer.opened(folder, arch.vocab)
    model = Decoder.empty(arch)
    fill(model, folder)
    return model


# ---- what leaves -----------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_a_folder_opens_with_the_auto_classes(name: str, tmp_path: Path, words: Path):
    model = newborn(FAMILIES[name])
    export(model, HISTORY, words, tmp_path)
    there, speller = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    ours = Tokenizer.from_file(str(words / "tokenizer.json"))
    for text in TEXTS[:2]:
        ids = speller(text)["input_ids"]
        assert ids == ours.encode(text).ids
        assert speller.decode(ids) == text
    tokens = torch.tensor([ours.encode(TEXTS[0]).ids])
    with torch.no_grad():
        logits, expected = model(tokens, torch.zeros_like(tokens), model.arch.rope), there(tokens).logits
    assert (logits - expected).abs().max() < 1e-5 * expected.abs().max()
    assert (speller.bos_token, speller.eos_token) == (BEGIN, END)
    assert there.generation_config.eos_token_id == ours.token_to_id(END)


def test_a_folder_is_complete(folder: Path):
    shards = [f"model-0000{at}-of-00003.safetensors" for at in (1, 2, 3)]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [
            *shards,
            "README.md",
            "config.json",
            "generation_config.json",
            "model.safetensors.index.json",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json",
        ]
    )
    assert all((folder / name).stat().st_size < 105_000 for name in shards)
    index = json.loads((folder / "model.safetensors.index.json").read_bytes())
    tensors = in_files(Decoder.empty(sized(FAMILIES["llama"]), "meta"))
    assert list(index["weight_map"]) == list(tensors)
    assert index["metadata"]["total_size"] == sum(4 * tensor.numel() for tensor in tensors.values())
    assert json.loads((folder / "config.json").read_bytes())["max_position_embeddings"] == 96
    AutoModelForCausalLM.from_pretrained(folder)


def test_the_card_tells_how_the_model_was_made_and_what_it_read(folder: Path):
    card = (folder / "README.md").read_text()
    assert "| train | 60 | 15 360 | 64 |" in card
    assert "| prose | 10 000 | 55.8% |" in card
    assert "| code | 7 920 | 44.2% |" in card
    assert "| all | 17 920 | 100.0% |" in card


def test_a_chat_template_goes_with_the_model(tmp_path: Path, words: Path):
    chat = "{% for message in messages %}<|turn|>{{ message.content }}{% endfor %}"
    export(newborn(FAMILIES["qwen2"]), [], words, tmp_path, template=chat, stop=("<|turn|>",))
    speller = AutoTokenizer.from_pretrained(tmp_path)
    said = speller.apply_chat_template([{"role": "user", "content": "ah"}], tokenize=False)
    assert said == "<|turn|>ah"
    ends = json.loads((tmp_path / "generation_config.json").read_bytes())["eos_token_id"]
    assert ends == speller.convert_tokens_to_ids([END, "<|turn|>"])


@pytest.mark.parametrize(
    ("family", "change", "named"),
    [
        ("llama", {"activation": "gelu_tanh"}, "`activation`"),
        ("llama", {"window": (8, "full")}, "`window`"),
        ("llama", {"final_cap": 30.0}, "`final_cap`"),
        ("qwen2", {"qk_norm": "head"}, "`qkv_bias`"),
        ("afm", {"qk_norm": "width"}, "`qk_norm`"),
        ("gemma2", {"query_scale": 0.3}, "`query_scale`"),
        ("gemma2", {"window": (8, 16)}, "`window`"),
    ],
)
def test_a_shape_that_no_class_computes_is_refused(
    family: str, change: dict, named: str, tmp_path: Path, words: Path
):
    arch = FAMILIES[family].model_copy(update=change)
    with pytest.raises(StageError) as refused:
        export(Decoder.empty(sized(arch)), [], words, tmp_path)
    assert refused.value.code == "RUN126"
    assert named in refused.value.headline
    assert list(tmp_path.iterdir()) == []


# ---- what is read ----------------------------------------------------------------------


def test_weights_in_bf16_are_read_as_fp32(folder: Path):
    expected = opened(folder)
    for path in folder.glob("*.safetensors"):
        save_file({name: tensor.bfloat16() for name, tensor in load_file(path).items()}, path)
    for ours, theirs in zip(opened(folder).parameters(), expected.parameters(), strict=True):
        assert torch.equal(ours, theirs.bfloat16().float())


def test_stacked_experts_are_read_as_well(tmp_path: Path, words: Path):
    model = newborn(FAMILIES["qwen2_moe"])
    export(model, [], words, tmp_path)
    assert "model.layers.3.mlp.experts.15.up_proj.weight" in load_file(tmp_path / "model.safetensors")
    save_file(stacked(model), tmp_path / "model.safetensors")
    back = opened(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(back.parameters(), model.parameters(), strict=True))


def test_the_config_of_transformers_4_is_read(folder: Path):
    config = json.loads((folder / "config.json").read_bytes())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    rope["type"] = rope.pop("rope_type")
    (folder / "config.json").write_text(json.dumps({**config, "rope_scaling": rope}))
    assert read(folder)[0] == sized(FAMILIES["llama"])


def test_a_tied_folder_may_hold_its_embedding_twice(tmp_path: Path, words: Path):
    export(newborn(FAMILIES["afm"]), [], words, tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    save_file(tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"].clone()}, path)
    opened(tmp_path)
    save_file(tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"] + 1}, path)
    assert "it is tied" in refusal(tmp_path, "RUN109").notes[0]


# ---- what is refused -------------------------------------------------------------------


def refusal(folder: Path, code: str) -> StageError:
    with pytest.raises(StageError) as refused:
        opened(folder)
    assert refused.value.code == code
    return refused.value


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))


CONFIGS = {
    "architecture": ({"model_type": "mamba"}, "'mamba'"),
    "activation": ({"hidden_act": "relu2"}, "'relu2'"),
    "bias": ({"attention_bias": True}, "`attention_bias`"),
    "quantised": ({"quantization_config": {"bits": 4}}, "`quantization_config`"),
    "type": ({"hidden_size": "32"}, "`hidden_size` is '32'"),
    "negative": ({"num_hidden_layers": -1}, "`num_hidden_layers` is -1"),
    "missing": ({"hidden_size": None}, "`hidden_size` is missing"),
    "stretch": ({"rope_parameters": {"rope_type": "longrope", "rope_theta": 1e4}}, "'longrope'"),
    "shrunk": ({"rope_parameters": {"rope_type": "linear", "factor": 0.5}}, "0.5"),
    "mscale": ({"rope_parameters": {"rope_type": "yarn", "factor": 2.0, "mscale": 0.7}}, "`mscale`"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_that_asks_for_what_no_part_does_is_refused(name: str, folder: Path):
    changes, said = CONFIGS[name]
    edit(folder / "config.json", **changes)
    assert said in refusal(folder, "RUN122").headline


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"a": 1',
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        '{"a": ' + "[" * 99 + "]" * 99 + "}",
        '{"a": "\\',
        "[" * 10**5,
    ],
    ids=["empty", "list", "cut", "twice", "nan", "deep", "string", "deeper"],
)
def test_json_that_cannot_be_trusted_is_refused(text: str, folder: Path):
    (folder / "config.json").write_text(text)
    refusal(folder, "RUN121")


def test_a_config_of_many_megabytes_is_refused(folder: Path):
    with (folder / "config.json").open("wb") as file:
        file.truncate(1 << 30)
    assert "bytes" in refusal(folder, "RUN121").headline


def swap(path: Path, change: Callable[[dict], object]) -> None:
    """Change the header of a safetensors file and leave its tensors."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    change(header)
    told = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(told)) + told + content[8 + length :])


def first(header: dict) -> dict:
    return next(about for name, about in header.items() if name != "__metadata__")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "empty": lambda path: path.write_bytes(b""),
    "ten gigabytes of header": lambda path: path.write_bytes(
        struct.pack("<Q", 10 << 30) + path.read_bytes()[8:]
    ),
    "overlap": lambda path: swap(path, lambda header: first(header).update(data_offsets=[4, 8])),
    "shape": lambda path: swap(path, lambda header: first(header).update(shape=[3, 1 << 62])),
    "dtype": lambda path: swap(path, lambda header: first(header).update(dtype="F31")),
    "negative": lambda path: swap(path, lambda header: first(header).update(data_offsets=[-4, 0])),
    "no entry": lambda path: swap(path, lambda header: header.update(more=[])),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_named_before_a_tensor_is_read(name: str, folder: Path):
    path = folder / "model-00002-of-00003.safetensors"
    DAMAGES[name](path)
    assert path.name in refusal(folder, "RUN124").headline


def test_a_missing_shard_is_named(folder: Path):
    (folder / "model-00002-of-00003.safetensors").unlink()
    assert "model-00002-of-00003.safetensors is missing" in refusal(folder, "RUN123").headline


@pytest.mark.parametrize("file", ["../other/model.safetensors", "/etc/passwd", "model.bin", ""])
def test_an_index_stays_in_its_folder(file: str, folder: Path):
    edit(folder / "model.safetensors.index.json", weight_map={"model.norm.weight": file})
    refusal(folder, "RUN124")


def test_an_index_that_misplaces_a_tensor_is_refused(folder: Path):
    index = json.loads((folder / "model.safetensors.index.json").read_bytes())["weight_map"]
    index["lm_head.weight"], index["model.embed_tokens.weight"] = (
        index["model.embed_tokens.weight"],
        index["lm_head.weight"],
    )
    edit(folder / "model.safetensors.index.json", weight_map=index)
    refusal(folder, "RUN124")


def test_tensors_that_differ_are_listed(folder: Path):
    edit(folder / "config.json", intermediate_size=64, num_hidden_layers=5)
    told = refusal(folder, "RUN109")
    assert told.headline.endswith("21 differ")
    assert "model.layers.0.mlp.down_proj.weight: wanted [32, 64], found [32, 48]" in told.notes
    assert told.notes[-1] == "and 13 more"


def test_integers_are_no_weights(tmp_path: Path, words: Path):
    export(newborn(FAMILIES["qwen2"]), [], words, tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    save_file(
        tensors | {"model.norm.weight": torch.ones(32, dtype=torch.int8)}, tmp_path / "model.safetensors"
    )
    assert refusal(tmp_path, "RUN109").notes == (
        "model.norm.weight: found I8, where F32, F16, BF16 can be read",
    )


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_refused(value: float, tmp_path: Path, words: Path):
    model = newborn(FAMILIES["qwen2"])
    with torch.no_grad():
        model.model.norm.weight[3] = value
    export(model, [], words, tmp_path)
    assert "`model.norm.weight` holds 1 of 32 numbers" in refusal(tmp_path, "RUN125").headline


@pytest.mark.parametrize("gone", ["config.json", "model.safetensors.index.json"])
def test_what_is_no_model_is_refused(gone: str, folder: Path):
    (folder / gone).unlink()
    refusal(folder, "RUN120")


def test_pickles_stay_closed(folder: Path):
    for path in folder.glob("model*"):
        path.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    assert "no pickle is opened" in refusal(folder, "RUN120").headline


@pytest.mark.parametrize("text", [None, "{}", "not json", '{"model": {"type": "BPE"}}'])
def test_a_tokenizer_that_does_not_open_is_refused(text: str | None, folder: Path):
    path = folder / "tokenizer.json"
    path.unlink() if text is None else path.write_text(text)
    refusal(folder, "RUN128")


def test_a_tokenizer_larger_than_the_embedding_is_refused(words: Path, tmp_path: Path):
    size = Tokenizer.from_file(str(words / "tokenizer.json")).get_vocab_size()
    small = FAMILIES["llama"].model_copy(update={"vocab": size - 1})
    with pytest.raises(StageError) as refused:
        export(Decoder.empty(small), [], words, tmp_path)
    assert f"has ids up to {size - 1}, and the model's embedding {size - 1} rows" in refused.value.headline


@pytest.mark.parametrize("name", VARIANTS)
def test_a_folder_s_shape_is_read_without_its_weights(name: str, tmp_path: Path, words: Path):
    export(Decoder.empty(sized(VARIANTS[name])), HISTORY, words, tmp_path)
    (tmp_path / "model.safetensors").unlink()
    arch, context = read(tmp_path)
    assert (arch.width, arch.experts, arch.window, context) == (
        32,
        VARIANTS[name].experts,
        VARIANTS[name].window,
        96,
    )


def test_settings_that_name_no_class_are_completed(words: Path, tmp_path: Path):
    source = tmp_path / "words"
    source.mkdir()
    (source / "tokenizer.json").write_bytes((words / "tokenizer.json").read_bytes())
    (source / "tokenizer_config.json").write_text(json.dumps({"bos_token": END, "eos_token": BEGIN}))
    (tmp_path / "out").mkdir()
    export(newborn(FAMILIES["llama"]), [], source, tmp_path / "out")
    speller = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert (speller.bos_token, speller.eos_token) == (END, BEGIN)
    assert (
        speller(TEXTS[1])["input_ids"]
        == Tokenizer.from_file(str(words / "tokenizer.json")).encode(TEXTS[1]).ids
    )
