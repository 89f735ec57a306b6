"""Generation: greedy text is the likeliest token each time, drawn text repeats itself."""

from collections import Counter

import pytest
import torch

from lehr.compiler.plan.model import Arch
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.generate import Ask, How, chosen, generate, replies
from lehr.runtime.parts.model.initial import initialise

ARCH = Arch(
    layers=2,
    width=8,
    heads=2,
    kv_heads=1,
    head_dim=4,
    ffn=12,
    vocab=12,
    rope=100.0,
    tied=False,
    norm_eps=1e-5,
)
PROMPTS = [[1, 2, 3], [4], [5, 6, 7], [8, 9]]


@pytest.fixture(scope="module")
def model() -> Decoder:
    made = Decoder(ARCH)
    initialise(made, 0.7, 2)
    return made


def said(
    model: Decoder,
    prompts: list[list[int]],
    *,
    temperature: float = 0.0,
    stop: frozenset[int] = frozenset(),
    rng: int = 0,
    max_new: int = 9,
) -> list[list[int]]:
    return generate(
        model, prompts, max_new=max_new, stop=stop, temperature=temperature, rng=rng, rope=ARCH.rope
    )


def likeliest(model: Decoder, prompt: list[int], count: int) -> list[int]:
    ids = list(prompt)
    for _ in range(count):
        logits = model(torch.tensor([ids]), torch.zeros(1, len(ids)), ARCH.rope)
        ids.append(int(logits[0, -1].argmax()))
    return ids[len(prompt) :]


def test_greedy_takes_the_likeliest_token_each_time(model: Decoder) -> None:
    assert said(model, PROMPTS) == [likeliest(model, prompt, 9) for prompt in PROMPTS]


def test_a_reply_ends_before_its_first_stop(model: Decoder) -> None:
    whole = said(model, PROMPTS)
    stop = whole[0][2]
    cut = [reply[: reply.index(stop)] if stop in reply else reply for reply in whole]
    assert said(model, PROMPTS, stop=frozenset({stop})) == cut


def test_drawn_text_repeats_itself_under_the_same_seed_only(model: Decoder) -> None:
    texts = [said(model, PROMPTS, temperature=1.0, rng=rng) for rng in (1, 1, 2)]
    assert (texts[0] == texts[1], texts[0] == texts[2]) == (True, False)


def test_drawn_text_does_not_depend_on_who_runs_beside_it(model: Decoder) -> None:
    longer = [[*prompt, 1] for prompt in PROMPTS[1:]]
    together = said(model, PROMPTS, temperature=1.0)
    assert said(model, [PROMPTS[0], *longer], temperature=1.0)[0] == together[0]


def test_tokens_are_drawn_as_often_as_they_are_likely(model: Decoder) -> None:
    drawn = Counter(reply[0] for reply in said(model, [[1, 2]] * 2000, temperature=2.0, max_new=1))
    logits = model(torch.tensor([[1, 2]]), torch.zeros(1, 2), ARCH.rope)[0, -1]
    expected = (logits / 2).softmax(-1)
    shares = torch.tensor([drawn[token] / 2000 for token in range(ARCH.vocab)])
    torch.testing.assert_close(shares, expected.detach(), rtol=0, atol=0.04)


# ---- rows of unlike length ------------------------------------------------------------------------


UNLIKE = [[1, 2, 3], [4], [5, 6, 7, 8, 9, 10, 11, 1, 2], [8, 9], [3], [2, 2, 2, 2, 2]]


@pytest.mark.parametrize("rows", [1, 2, 3, 64])
def test_greedy_text_is_the_same_however_many_run_together(model: Decoder, rows: int) -> None:
    stop = frozenset({likeliest(model, UNLIKE[0], 3)[-1]})
    asks = [Ask(prompt) for prompt in UNLIKE]
    found = replies(model, asks, How(9, stop, temperature=0.0, rope=ARCH.rope, rows=rows))
    assert found[0].ended
    for prompt, reply in zip(UNLIKE, found, strict=True):
        whole = likeliest(model, prompt, 9)
        ends = next((at for at, token in enumerate(whole) if token in stop), None)
        assert reply.ids == whole[:ends]
        assert reply.ended is (ends is not None)
        assert reply.whole == (whole if ends is None else whole[: ends + 1])


def test_answers_draw_by_their_own_seeds_whoever_leaves_and_comes(model: Decoder) -> None:
    asks = [Ask(prompt, seed) for prompt in UNLIKE for seed in range(4)]
    how = How(9, frozenset({3, 4}), rope=ARCH.rope, rows=5)
    together = replies(model, asks, how)
    assert [replies(model, [ask], how)[0] for ask in asks] == together
    assert replies(model, asks[::-1], how)[::-1] == together
    assert len({tuple(reply.ids) for reply in together[:4]}) > 1
    assert {reply.ended for reply in together} == {True, False}


def test_memory_that_was_used_before_is_not_seen(model: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(self: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.full(shape, torch.nan)

    monkeypatch.setattr(torch.Tensor, "new_empty", spoilt)
    assert said(model, UNLIKE) == [likeliest(model, prompt, 9) for prompt in UNLIKE]


def test_a_window_and_a_cap_hold_in_rows_of_unlike_length() -> None:
    arch = ARCH.model_copy(update={"window": (3, "full"), "attention_cap": 5.0})
    for shape in (arch, ARCH.model_copy(update={"window": (3, "full")})):
        made = Decoder(shape)
        initialise(made, 0.7, 3)
        found = replies(made, [Ask(prompt) for prompt in UNLIKE], How(9, temperature=0.0, rope=ARCH.rope))
        assert [reply.ids for reply in found] == [likeliest(made, prompt, 9) for prompt in UNLIKE]


def test_a_nucleus_holds_the_fewest_tokens_that_are_that_likely() -> None:
    logits = torch.tensor([[0.1, 0.5, 0.15, 0.25]]).log().expand(1000, -1)
    drawn = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    for top_p, kept in (
        (0.49, {1: 1}),
        (0.51, {1: 2 / 3, 3: 1 / 3}),
        (0.89, {1: 5 / 9, 3: 5 / 18, 2: 1 / 6}),
        (1.0, {0: 0.1, 1: 0.5, 2: 0.15, 3: 0.25}),
    ):
        found = Counter(chosen(logits, 1.0, top_p, drawn).tolist())
        assert {token: count / 1000 for token, count in found.items()} == pytest.approx(kept, abs=2e-3)


def test_a_reason_of_its_own_ends_an_answer_with_its_last_id(model: Decoder) -> None:
    how = How(9, temperature=0.0, rope=ARCH.rope, ends=lambda ids: len(ids) == 4)
    assert [reply.ids for reply in replies(model, [Ask(one) for one in PROMPTS], how)] == [
        likeliest(model, prompt, 4) for prompt in PROMPTS
    ]
