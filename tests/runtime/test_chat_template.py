"""Chat templates: the mask is the template's own spans, a content is never control, and no template does harm."""

import pytest

from lehr.compiler.plan.model import Template
from lehr.runtime.errors import StageError
from lehr.runtime.parts.chat import rendering
from lehr.runtime.parts.chat.marks import ANSWER, ANSWERED, Segment, content, segments
from lehr.runtime.parts.chat.rows import Turn
from lehr.runtime.parts.chat.template import ChatTemplate, names, shipped
from lehr.runtime.parts.data.vocabulary import Vocabulary, train

SPECIALS = [
    *("<|pad|>", "<|begin|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|turn|>"),
    *("<|tool|>", "<|im_start|>", "<|im_end|>", "<start_of_turn>", "<end_of_turn>"),
    *("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
]
TYPED = ("<|im_end|><|turn|><|end|>", "<end_of_turn>\n<|eot_id|>", "\ufdd0x\ufdd3\ufdd4")
ASKED = (
    Turn("user", "last of q w e"),
    Turn("assistant", "e"),
    Turn("user", "and first?"),
    Turn("assistant", "q"),
)


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    text = ["the last of q w e is e . user: assistant: model system first and"]
    return Vocabulary.of(
        train(text * 9, vocab=340, specials=SPECIALS, split_digits=True), "<|begin|>", "<|end|>"
    )


def template(words: Vocabulary, text: str) -> ChatTemplate:
    return ChatTemplate.of(Template(path="own.jinja", text=text), words)


@pytest.mark.parametrize("name", names())
def test_a_template_of_ours_supervises_answers_and_what_ends_them_and_nothing_else(
    words: Vocabulary, name: str
):
    chat = ChatTemplate(shipped(name), words).teaches()
    encoded = chat.encode(ASKED)
    taught = [token for token, mask in zip(encoded.ids, encoded.supervised, strict=True) if mask]
    answers = [token for token in taught if token not in chat.stops]
    text = words.tokenizer.decode(answers, skip_special_tokens=True).split()
    assert "".join(text) == "eq"
    assert len(answers) == 2
    assert sum(token in chat.stops for token in taught) >= 2


@pytest.mark.parametrize("name", ["plain", "turns"])
def test_a_content_is_read_as_in_running_text(words: Vocabulary, name: str):
    """With the blank before it, whether or not it came with one: a sampled answer does."""
    chat = ChatTemplate(shipped(name), words)
    texts = ("last of q w e", " e")
    encoded = chat.encode((Turn("user", texts[0]), Turn("assistant", texts[1])))
    said = [token for token, control in zip(encoded.ids, encoded.control, strict=True) if not control]
    assert said == [token for text in texts for token in words.encode([f" {text.strip()}"])[0]]


def test_a_blank_that_is_not_learnt_stays_with_the_template():
    found = segments(f"a {ANSWER}{content('b')}{ANSWERED} {content('c')}{content('')} ")
    assert list(found) == [
        Segment("a ", supervised=False, control=True),
        Segment("b", supervised=True, control=False),
        Segment(" c", supervised=False, control=False),
        Segment(" ", supervised=False, control=True),
    ]


@pytest.mark.parametrize("name", names())
def test_a_later_turn_never_changes_earlier_ids(words: Vocabulary, name: str):
    chat = ChatTemplate(shipped(name), words)
    whole = chat.encode(ASKED).ids
    asked = chat.prompt(ASKED[:1])
    assert whole[: len(asked)] == asked
    later = chat.prompt(ASKED[:3])
    assert whole[: len(later)] == later


@pytest.mark.parametrize("text", TYPED)
@pytest.mark.parametrize("name", names())
def test_what_a_user_types_is_never_a_control_token(words: Vocabulary, name: str, text: str):
    chat = ChatTemplate(shipped(name), words)
    plain = chat.encode((Turn("user", "a"), Turn("assistant", "b")))
    typed = chat.encode((Turn("user", text), Turn("assistant", "b")))
    control = {words.tokenizer.token_to_id(one) for one in SPECIALS}
    assert [one for one in typed.ids if one in control] == [one for one in plain.ids if one in control]
    said = [token for token, own in zip(typed.ids, typed.control, strict=True) if not own]
    assert text in words.decode(said)


BAD = {
    "never closes a loop": ("{% for m in messages %}{{ m.content }}", "RUN201"),
    "never closes an answer": ("{% generation %}{{ messages[0].content }}", "RUN201"),
    "reaches for Python": ("{{ messages.__class__.__mro__ }}", "RUN202"),
    "changes what it is given": ("{{ messages.append(messages[0]) }}", "RUN202"),
    "takes all memory": ("{{ 'x' * 10**10 }}", "RUN202"),
    "refuses": ("{{ raise_exception('turns must alternate') }}", "RUN203"),
    "reads what is not there": ("{{ messages[0].content.nothing.more }}", "RUN203"),
    "writes a token that is not there": ("<|im_begin|>{{ messages[0].content }}", "RUN204"),
}


@pytest.mark.parametrize(("text", "code"), BAD.values(), ids=list(BAD))
def test_a_template_that_cannot_be_used_is_a_letter(words: Vocabulary, text: str, code: str):
    with pytest.raises(StageError) as caught:
        template(words, text)
    assert caught.value.code == code
    assert "own.jinja" in caught.value.headline


def test_a_template_that_never_comes_to_an_end_is_stopped(words: Vocabulary, monkeypatch: pytest.MonkeyPatch):
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    monkeypatch.setenv("LEHR_TEMPLATE_SECONDS", "1")
    with pytest.raises(StageError, match="takes more than") as caught:
        template(words, endless)
    assert caught.value.code == "RUN202"
    assert rendering.SECONDS == 5


def test_a_template_without_marks_can_ask_and_cannot_teach(words: Vocabulary):
    chat = template(words, "{% for m in messages %}<|user|>{{ m.content | trim }}<|turn|>{% endfor %}")
    assert chat.prompt((Turn("user", " a "),)) == [3, *words.encode(["a"])[0], 6]
    with pytest.raises(StageError) as caught:
        chat.teaches()
    assert caught.value.code == "RUN206"


def test_an_answer_that_nothing_ends_is_a_letter(words: Vocabulary):
    text = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}<|turn|>{% endfor %}"
    with pytest.raises(StageError) as caught:
        template(words, text).teaches()
    assert caught.value.code == "RUN207"
