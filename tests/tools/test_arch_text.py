"""A shape that is printed reads back as the same shape."""

import pytest
from families import VARIANTS

from lehr.compiler import compile as compile_spec
from lehr.compiler.plan.model import InitWork
from lehr.compiler.tools.arch_text import arch_text

_AROUND = """
pipeline p {{}}
corpus web {{ source = builtin("skills") }}
tokenizer words {{ from = [web];  vocab = 512 }}
init newborn {{ arch = {name};  tokenizer = words }}
release out {{ model = newborn }}
"""
LLAMA = VARIANTS["llama"].model_copy(
    update={"vocab": 128_256, "width": 16_384, "heads": 2048, "norm_eps": 1e-5}
)


@pytest.mark.parametrize("arch", [*VARIANTS.values(), LLAMA], ids=[*VARIANTS, "llama_405b_widths"])
def test_the_text_of_a_shape_plans_as_that_shape(arch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arch = arch.model_copy(update={"vocab": max(arch.vocab, 512)})
    text = arch_text("small", arch)
    (tmp_path / "a.lehr").write_text(text + _AROUND.format(name="small"))
    plan, letters = compile_spec("a.lehr")
    assert plan, letters
    work = plan.step("newborn").work
    assert isinstance(work, InitWork)
    assert work.arch == arch


@pytest.mark.parametrize(
    ("name", "word"),
    [("Llama-3.1-8B", "llama_3_1_8b"), ("like", "loaded"), ("7b", "model_7b"), ("…", "model")],
)
def test_a_folder_s_name_becomes_a_name_of_the_language(name: str, word: str):
    assert arch_text(name, VARIANTS["llama"]).splitlines()[2] == f"arch {word} {{"
