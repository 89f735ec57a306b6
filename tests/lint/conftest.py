"""A folder with what specs point at: models in Hugging Face's layout, templates, a library of blocks."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from above import ABOVE

from lehr.compiler.journey import Journey, broken, travel
from lehr.compiler.lint.config import Config

ROOT = Path(__file__).parent.parent.parent
CONFIG = {
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 192,
    "vocab_size": 1024,
    "max_position_embeddings": 2048,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
}
TOKENS = {"bos_token": "<|begin|>", "eos_token": {"content": "<|end|>"}, "pad_token": "<|pad|>"}
CHAT = "{% for m in messages %}{% generation %}{{ m.content }}<|end|>{% endgeneration %}{% endfor %}"


def write_model(
    folder: Path, *, tokens: dict[str, Any] | None = None, begins: str = "", rows: int = 1024
) -> None:
    """A model's folder: configuration, tokenizer, template, and weights of which only the header is real."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer_config.json").write_text(json.dumps(TOKENS | (tokens or {})))
    (folder / "chat_template.jinja").write_text(("{{ bos_token }}" if begins else "") + CHAT)
    single = [{"SpecialToken": {"id": begins, "type_id": 0}}] if begins else []
    processor = {"type": "TemplateProcessing", "single": [*single, {"Sequence": {"id": "A", "type_id": 0}}]}
    entries = {f"t{place}": place for place in range(1021)}
    added = [
        {"id": 1021 + place, "content": name}
        for place, name in enumerate(("<|pad|>", "<|begin|>", "<|end|>"))
    ]
    content = {"model": {"vocab": entries}, "added_tokens": added, "post_processor": processor}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    head = json.dumps(
        {"model.embed_tokens.weight": {"dtype": "BF16", "shape": [rows, 64], "data_offsets": [0, 0]}}
    )
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head.encode())


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_model(folder / "models/short")
    write_model(folder / "models/pads-with-end", tokens={"pad_token": "<|end|>"})
    write_model(folder / "models/begins-twice", begins="<|begin|>")
    write_model(folder / "models/cut", rows=1000)
    write_model(folder / "models/endless", tokens={"eos_token": None})
    (folder / "templates").mkdir()
    (folder / "templates/plain.jinja").write_text("{% for m in messages %}{{ m.content }}<|end|>{% endfor %}")
    (folder / "templates/chat.jinja").write_text(CHAT)
    (folder / "data").mkdir()
    counted = {"tokens": 8_000_000, "documents": 20_000, "shortest": 64, "longest": 8192, "benches": ["sums"]}
    (folder / "data/forum.json").write_text(json.dumps(counted))
    (folder / "data/pages.json").write_text(json.dumps({"benches": ["data/quiz.jsonl", "mmlu", 7]}))
    (folder / "data/torn.json").write_text('{"tokens": 8_0')
    thoughts = CHAT.replace("{{ m", "<think>\n\n</think>{{ m")
    (folder / "templates/thinks-nothing.jinja").write_text(thoughts)
    shutil.copytree(ROOT / "specs/lib", folder / "lib")
    return folder


@pytest.fixture
def lint(files: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Journey]:
    """Travel a text that stands below `ABOVE`, in a folder that has everything it may point at."""
    monkeypatch.chdir(files)

    def look(
        text: str, config: Config | None = None, above: str = ABOVE, before: str | None = None
    ) -> Journey:
        """With a text of `before`, the letters are those about what broke since."""
        Path("recipe.lehr").write_text(above + text)
        journey = travel("recipe.lehr", config=config)
        if before is not None:
            Path("past.lehr").write_text(ABOVE + before)
            past = travel("past.lehr", config=config)
            assert past.sound
            assert journey.sound
            journey.letters, journey.allowed = broken(past, journey, "full", "SPEC")
        return journey

    return look
