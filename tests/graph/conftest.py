"""A spec from a text: what the passes make of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lehr.compiler.journey import Journey, travel
from lehr.compiler.lint.config import Config
from lehr.compiler.lint.rules import rules

Travel = Callable[..., Journey]
QUIET = Config(ignore=tuple(rules()))
"""Without the linter: what is looked at here is what elaboration says."""

STAGE = """\
lehr 1
pipeline recipe {}
corpus web  { source = builtin("prose") }
corpus code { source = builtin("code") }
tokenizer words { from = [web, code];  vocab = 1024 }
arch small { layers = 2;  width = 64;  heads = 4;  kv_heads = 2;  ffn = 192;  vocab = words.vocab;  tied = true }
init newborn { arch = small;  tokenizer = words }
mix diet { web = 60%;  code = rest }
"""


@pytest.fixture
def journey(tmp_path: Path) -> Travel:
    """Write the text of a spec and travel it; `settings` are those of `--set`."""

    def write(text: str, *settings: str) -> Journey:
        path = tmp_path / "recipe.lehr"
        path.write_text(text)
        return travel(str(path), settings, config=QUIET)

    return write


@pytest.fixture
def stage(journey: Travel) -> Travel:
    """A `train` block with these fields, in a spec that has everything else."""

    def write(fields: str, *settings: str, more: str = "") -> Journey:
        return journey(f"{STAGE}{more}train grown {{\n  from = newborn\n{fields}\n}}\n", *settings)

    return write
