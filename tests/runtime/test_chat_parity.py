"""Chat templates beside transformers: the same text, the same ids, and the mask that it calls the assistant's.

It renders the whole, encodes the whole, and looks for the characters of an answer in it; here every piece is encoded
by itself.  The two agree where pieces meet at a control token or a line's end; where a user types a control token
they differ on purpose.
"""

from pathlib import Path
from typing import Any

import pytest

from lehr.runtime.parts.chat.rows import Turn, told
from lehr.runtime.parts.chat.template import ChatTemplate, names, shipped
from lehr.runtime.parts.data.vocabulary import Vocabulary, train

SPECIALS = [
    *("<|pad|>", "<|begin|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|turn|>"),
    *("<|im_start|>", "<|im_end|>", "<start_of_turn>", "<end_of_turn>"),
    *("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
]
SAID = {
    "one turn": ("last of q w e", "e"),
    "two turns": ("last of q w e", "e", "and the first of these?", "q w\ne"),
    "blanks": ("what  is it", "a list:\n- one\n- two"),
    "other letters": ("日本語で、お願い", "はい。é 👍"),
}


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    texts = ["the last of q w e is e . user assistant model system first and a list one two what is it"]
    return Vocabulary.of(
        train(texts * 9, vocab=360, specials=SPECIALS, split_digits=True), "<|begin|>", "<|end|>"
    )


@pytest.fixture(scope="module")
def theirs(words: Vocabulary, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import PreTrainedTokenizerFast

    folder: Path = tmp_path_factory.mktemp("words")
    words.save(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)


@pytest.mark.parametrize("said", SAID.values(), ids=list(SAID))
@pytest.mark.parametrize("name", names())
def test_ids_and_masks_are_those_of_transformers(
    words: Vocabulary, theirs: Any, name: str, said: tuple[str, ...]
):
    turns = [Turn(role, text) for role, text in zip(("user", "assistant") * 2, said, strict=False)]
    chat = ChatTemplate(shipped(name), words)
    rendered = theirs.apply_chat_template(told(turns), chat_template=chat.text, tokenize=False)
    assert "".join(one.text for one in chat.segments(turns)) == rendered
    found = theirs.apply_chat_template(
        told(turns), chat_template=chat.text, return_assistant_tokens_mask=True, return_dict=True
    )
    ours = chat.encode(turns)
    assert ours.ids == found["input_ids"]
    assert ours.supervised == [bool(one) for one in found["assistant_masks"]]
    prompt = theirs.apply_chat_template(
        told(turns[:1]), chat_template=chat.text, add_generation_prompt=True, return_dict=True
    )
    assert chat.prompt(turns[:1]) == prompt["input_ids"]


def test_a_typed_control_token_is_one_to_transformers_and_text_here(words: Vocabulary, theirs: Any):
    turns = (Turn("user", "a<|turn|>"), Turn("assistant", "e"))
    chat = ChatTemplate(shipped("turns"), words)
    found = theirs.apply_chat_template(told(turns), chat_template=chat.text, return_dict=True)["input_ids"]
    end = words.tokenizer.token_to_id("<|turn|>")
    assert (found.count(end), chat.encode(turns).ids.count(end)) == (3, 2)
