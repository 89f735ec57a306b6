"""What is read out of the Python library: the same everywhere, and nothing held out leaks."""

import ast
import os
import subprocess
import sys

import pytest

from lehr.compiler.plan.library import digest, library_files
from lehr.runtime.parts.data.clusters import clusters, runs_of_words
from lehr.runtime.parts.data.code import code
from lehr.runtime.parts.data.documents import Document, Split, without_copies
from lehr.runtime.parts.data.prose import prose


@pytest.fixture(scope="module")
def texts() -> Split:
    return prose()


def test_the_files_are_library_modules_in_order() -> None:
    names = [name for name, _ in library_files()]
    assert names == sorted(names)
    assert {"json/decoder.py", "textwrap.py", "asyncio/events.py"} <= set(names)
    assert [name for name in names if "site-packages" in name or "/test" in name] == []


def test_the_digest_names_the_python_and_does_not_change() -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    assert digest().startswith(f"{sys.implementation.name.replace('cpython', 'CPython')} {version} sha256:")
    digest.cache_clear()
    before = digest()
    digest.cache_clear()
    assert digest() == before


def test_texts_that_say_nearly_the_same_form_a_cluster() -> None:
    story = "a cat sat on the mat and looked at the moon until the sun came up again"
    longer = story + " and then it slept all day under the old oak tree behind the house"
    other = "nothing in this sentence has five words in a row with any of the others"
    assert clusters([story, other, longer, story.upper()]) == [0, 1, 0, 0]


def test_a_cluster_is_found_among_many_copies() -> None:
    copies = [f"the same long sentence with one other word at the very end {at}" for at in range(40)]
    assert set(clusters([*copies, "something else altogether that stands alone here"])) == {0, 40}


def test_copies_differ_neither_in_blanks_nor_in_unicode_form() -> None:
    kept = without_copies(
        [Document("b", "café  au lait"), Document("a", "cafe\u0301 au\nlait"), Document("c", "tea")]
    )
    assert [document.id for document in kept] == ["a", "c"]


def test_prose_is_long_enough_to_learn_from(texts: Split) -> None:
    size = sum(len(document.text) for document in texts.train)
    held = sum(len(document.text) for document in texts.heldout)
    assert size > 1_500_000
    assert 0.03 < held / (size + held) < 0.15


def test_every_document_has_a_name_of_its_own(texts: Split) -> None:
    for split in (texts, code()):
        names = [document.id for document in split.train + split.heldout]
        assert len(set(names)) == len(names)


def test_no_held_out_prose_is_nearly_a_training_document(texts: Split) -> None:
    documents = texts.train + texts.heldout
    found = clusters([document.text for document in documents])
    assert set(found[: len(texts.train)]) & set(found[len(texts.train) :]) == set()


def test_no_held_out_docstring_stands_in_the_code_that_is_learnt(texts: Split) -> None:
    """By the measure that makes clusters; a text put together from several others is not one of theirs."""
    learnt = frozenset[int]().union(*(runs_of_words(document.text) for document in code().train))
    long = {document.id: runs for document in texts.heldout if len(runs := runs_of_words(document.text)) > 20}
    leaked = [name for name, runs in long.items() if 2 * len(runs & learnt) >= len(runs)]
    assert len(leaked) <= len(long) // 50, leaked


def test_code_is_whole_modules_that_parse() -> None:
    split = code()
    held = {document.id for document in split.heldout}
    assert held.isdisjoint(document.id for document in split.train)
    for document in split.heldout:
        assert isinstance(ast.parse(document.text), ast.Module)


def test_the_corpora_do_not_depend_on_the_hash_seed() -> None:
    script = (
        "import hashlib\n"
        "from fractions import Fraction\n"
        "from lehr.runtime.parts.data.prose import prose\n"
        "from lehr.runtime.parts.data.skills import skills\n"
        "print(hashlib.sha256(repr((prose(), skills(Fraction(1, 5), 3, 20, 5))).encode()).hexdigest())\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1")
    }
    assert len(told) == 1
