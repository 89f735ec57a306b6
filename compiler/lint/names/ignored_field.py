"""NAM203 ignored-field."""

from typing import Any

from ...diagnostics.diagnostic import Label
from ...graph.blocks.merge import Merge
from ...graph.blocks.prune import Prune
from ...graph.blocks.reward import Reward
from ...graph.blocks.sft import Sft
from ...graph.schema import Block
from ..rule import Findings, finding, rule
from ..spec import Spec

_METHODS = {
    "base": ("slerp", "ties", "dare"),
    "density": ("ties", "dare"),
    "rate": ("ema",),
    "per": ("slerp",),
    "rng": ("dare",),
    "weights": ("linear", "slerp", "ties", "dare"),
}


@rule("NAM203", "ignored-field")
def ignored_field(block: Block, spec: Spec) -> Findings:
    """A field that another field makes pointless.

    ## What it finds
    A field that is set and that the chosen method, loss or target does not read: `density` of a
    linear merge, `levels` of a Bradley-Terry loss, a `teacher` without a `target`.

    ## Why it matters
    The file says one thing and the run does another. Schedulers and losses that silently drop an
    option are among the most reported faults of training code (verl #959, #1400).

    ## Example
    ```lehr
    train other { from = newborn;  data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 1e-3 }
    merge blend { of = [grown, other];  method = linear;  density = 50% }
    ```

    ## Instead
    ```lehr
    train other { from = newborn;  data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 1e-3 }
    merge blend { of = [grown, other];  method = ties;  base = newborn;  density = 50% }
    ```
    """
    for field, reason, because in _ignored(block):
        also = (Label(block.span(because), "because of this"),) if because in block.spans else ()
        headline = f"`{field}` of `{block.address}` is not read: {reason}"
        yield finding(block.span(field), headline, also=also)


def _ignored(block: Block) -> list[tuple[str, str, str]]:
    """(field, reason, the field that decides) of everything that is set and not read."""
    found: list[tuple[str, str, str]] = []
    match block:
        case Merge():
            for field, methods in _METHODS.items():
                if block.method not in methods:
                    found.append(
                        (field, f"only {_listed(methods)} {'does' if len(methods) == 1 else 'do'}", "method")
                    )
        case Reward(loss=loss) if loss != "soft_label":
            found.append(("levels", "only `soft_label` does", "loss"))
        case Reward():
            found.append(("margin", "`soft_label` has no margin", "loss"))
        case Sft(teacher=teacher, target=target):
            if target is None:
                found.append(("teacher", "there is no `target`", "teacher"))
            if teacher is None:
                found.append(("target", "there is no `teacher`", "target"))
        case Prune(axes=()):
            found.append(("method", "`axes` names nothing to cut", "axes"))
        case _:
            pass
    return [one for one in found if one[0] in block.spans and _is_set(block.value(one[0]))]


def _is_set(value: Any) -> bool:
    return value is not None and value is not False


def _listed(methods: tuple[str, ...]) -> str:
    *most, last = (f"`{one}`" for one in methods)
    return f"{', '.join(most)} or {last}" if most else last
