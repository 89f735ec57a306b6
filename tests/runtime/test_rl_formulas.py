"""Advantages and losses of `rl`, each against its formula worked out answer by answer in plain Python."""

import math
import statistics

import pytest
import torch
from torch import Tensor

from lehr.runtime.parts.rl.advantages import Baseline, against_group, leave_one_out
from lehr.runtime.parts.rl.losses import clipped, mirror_descent, policy_gradient

REWARDS = torch.tensor([[1.0, 0.3, -0.5, 0.2], [0.0, 1.0, 1.0, 0.0], [0.7, 0.7, 0.7, 0.7]]).double()


def drawn(*shape: int, rng: int, grad: bool = False) -> Tensor:
    source = torch.Generator().manual_seed(rng)
    found = -torch.rand(*shape, generator=source, dtype=torch.float64)
    return found.requires_grad_(grad)


# ---- advantages ------------------------------------------------------------------------------


def test_a_leave_one_out_advantage_is_measured_against_the_other_answers():
    found = leave_one_out(REWARDS)
    for row, rewards in zip(found.tolist(), REWARDS.tolist(), strict=True):
        for at, reward in enumerate(rewards):
            others = rewards[:at] + rewards[at + 1 :]
            assert row[at] == pytest.approx(reward - statistics.mean(others), abs=1e-15)


def test_leave_one_out_advantages_add_up_to_nothing_and_do_not_care_for_the_level():
    assert leave_one_out(REWARDS).sum(1).abs().max() < 1e-15
    torch.testing.assert_close(leave_one_out(REWARDS + 5), leave_one_out(REWARDS), rtol=0, atol=1e-12)


def test_a_group_measures_in_its_own_deviations():
    found = against_group(REWARDS)
    for row, rewards in zip(found.tolist(), REWARDS.tolist(), strict=True):
        mean, deviation = statistics.mean(rewards), statistics.stdev(rewards)
        assert row == pytest.approx([(one - mean) / (deviation + 1e-4) for one in rewards], abs=1e-12)
    assert found[2].tolist() == pytest.approx([0.0] * 4, abs=1e-9)


def test_the_baseline_of_reinforce_is_the_mean_of_the_batches_before():
    baseline = Baseline()
    batches = [torch.tensor(one).double() for one in ([0.0, 1.0], [1.0, 1.0], [0.5, 0.0])]
    found = [baseline.advantages(one).tolist() for one in batches]
    assert found == [[-0.5, 0.5], [0.5, 0.5], [-0.25, -0.75]]
    again = Baseline()
    again.load(baseline.state())
    assert again == baseline


# ---- losses ----------------------------------------------------------------------------------


def test_the_gradient_of_a_policy_is_its_advantage():
    logs, advantages = drawn(6, rng=1, grad=True), drawn(6, rng=2)
    policy_gradient(logs, advantages).backward()
    assert logs.grad is not None
    assert torch.equal(logs.grad, -advantages)


def test_mirror_descent_against_its_formula():
    logs, last, advantages = drawn(6, rng=1, grad=True), drawn(6, rng=2), drawn(6, rng=3)
    loss = mirror_descent(logs, last, advantages, gamma=0.7)
    wanted = 0.0
    for log, before, advantage in zip(logs.tolist(), last.tolist(), advantages.tolist(), strict=True):
        rho = math.exp(log - before)
        wanted += 0.7 * (rho * math.log(rho) - rho + 1) - rho * advantage
    assert loss.item() == pytest.approx(wanted, abs=1e-14)
    loss.backward()
    rho = (logs - last).exp().detach()
    torch.testing.assert_close(
        logs.grad, rho * (0.7 * (logs - last).detach() - advantages), rtol=0, atol=1e-14
    )


def test_the_first_step_of_mirror_descent_is_that_of_rloo():
    advantages = leave_one_out(REWARDS).flatten()
    one, other = drawn(12, rng=1, grad=True), drawn(12, rng=1, grad=True)
    policy_gradient(one, advantages).backward()
    mirror_descent(other, other.detach(), advantages, gamma=0.3).backward()
    assert one.grad is not None
    assert other.grad is not None
    torch.testing.assert_close(other.grad, one.grad, rtol=0, atol=1e-15)


def test_mirror_descent_ends_at_the_last_policy_tilted_by_its_advantages():
    """argmax E_p[A] - gamma KL(p ‖ p_last) is p ∝ p_last exp(A / gamma); all answers in their true shares."""
    last_V, advantages_V, gamma = torch.tensor([0.5, 0.3, 0.15, 0.05]).double(), REWARDS[0], 0.5
    logits_V = last_V.log().clone().requires_grad_()
    optimizer = torch.optim.LBFGS([logits_V], max_iter=200, tolerance_grad=1e-12)

    def closure() -> Tensor:
        optimizer.zero_grad()
        logs_V = torch.log_softmax(logits_V, 0)
        each = [
            share * mirror_descent(log[None], before[None], advantage[None], gamma)
            for share, log, before, advantage in zip(last_V, logs_V, last_V.log(), advantages_V, strict=True)
        ]
        loss = torch.stack(each).sum()
        loss.backward()
        return loss

    optimizer.step(closure)  # pyright: ignore[reportArgumentType]
    wanted_V = last_V * (advantages_V / gamma).exp()
    torch.testing.assert_close(torch.softmax(logits_V, 0), wanted_V / wanted_V.sum(), rtol=0, atol=1e-5)


def test_its_estimate_of_the_divergence_is_that_of_the_policy_from_the_last_one_and_not_the_other():
    last_V, now_V = (torch.tensor(row, dtype=torch.float64) for row in ([0.5, 0.3, 0.2], [0.3, 0.3, 0.4]))
    each = [
        mirror_descent(now.log()[None], last.log()[None], torch.zeros(1).double(), 1.0)
        for now, last in zip(now_V, last_V, strict=True)
    ]
    assert min(each) >= 0
    found = (last_V * torch.stack(each)).sum().item()
    assert found == pytest.approx((now_V * (now_V / last_V).log()).sum().item(), abs=1e-15)
    assert found != pytest.approx((last_V * (last_V / now_V).log()).sum().item(), abs=1e-3)


def test_clipped_ratios_against_their_formula():
    logs, last, reference = drawn(3, 5, rng=1, grad=True), drawn(3, 5, rng=2), drawn(3, 5, rng=3)
    advantages = torch.tensor([0.8, -1.2, 0.3]).double()
    kept = torch.arange(5) < torch.tensor([[5], [2], [3]])
    loss = clipped(logs, last, reference, advantages, kept, clip=0.2, beta=0.04)
    wanted = 0.0
    for row, size in enumerate((5, 2, 3)):
        tokens = 0.0
        for at in range(size):
            ratio = math.exp(logs[row, at].item() - last[row, at].item())
            advantage = advantages[row].item()
            gain = min(ratio * advantage, min(max(ratio, 0.8), 1.2) * advantage)
            gap = reference[row, at].item() - logs[row, at].item()
            tokens += -gain + 0.04 * (math.exp(gap) - gap - 1)
        wanted += tokens / size
    assert loss.item() == pytest.approx(wanted, abs=1e-14)
    loss.backward()
    assert logs.grad is not None
    assert not logs.grad[~kept].any()


def test_a_ratio_that_went_too_far_has_no_gradient_on_the_way_there():
    logs = torch.tensor([[0.0]]).double().requires_grad_()
    last, kept, better = torch.tensor([[-0.5]]).double(), torch.ones(1, 1, dtype=torch.bool), torch.ones(1)
    clipped(logs, last, None, better.double(), kept, clip=0.2, beta=0.0).backward()
    assert logs.grad is not None
    assert logs.grad.item() == 0
    clipped(logs, last, None, -better.double(), kept, clip=0.2, beta=0.0).backward()
    assert logs.grad.item() > 0
