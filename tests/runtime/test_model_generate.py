"""Generation: greedy text is the likeliest token each time, drawn text repeats itself."""

from collections import Counter

import pytest
import torch

from lehr.compiler.plan.model import Arch
from lehr.runtime.parts.model.decoder import Decoder
from lehr.runtime.parts.model.generate import generate
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
