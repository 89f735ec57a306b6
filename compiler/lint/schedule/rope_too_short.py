"""SCH207 rope-too-short."""

from math import pi

from ...diagnostics.diagnostic import Label
from ...graph.blocks.trained import Trained
from ...graph.counts import head_dim
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SCH207", "rope-too-short")
def rope_too_short(stage: Trained, spec: Spec) -> Findings:
    """A context that the rotary embedding has no wavelengths for.

    ## What it finds
    A phase whose context exceeds half of the longest wavelength of its RoPE base,
    2π · base^((d - 2) / d) for heads of size d, times the factor of the arch's `rope_scaling`.

    ## Why it matters
    Beyond half a turn of the slowest channel the order of far positions is no longer told apart.
    That is why every long-context recipe raises the base (Qwen 2 and AFM to 10⁶ and 6.3 · 10⁶), and
    why a base that is lost on the way costs a multiple in long-context loss (unsloth #6907).

    ## Example
    ```lehr
    corpus books { lengths = 1k..64k }
    train longer { from = grown;  data = books;  tokens = 10M;  context = 32k;  batch = 32Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    corpus books { lengths = 1k..64k }
    train longer {
      from = grown;  data = books;  tokens = 10M;  context = 32k;  batch = 32Ki;  lr = 1e-3
      rope = 1_000_000
    }
    ```
    """
    course, arch = spec.course(stage), spec.graph.derived.lineage.arch(stage.ref)
    if course is None or arch is None or head_dim(arch) <= 2:
        return
    size, factor = head_dim(arch), float(arch.rope_scaling.factor) if arch.rope_scaling else 1.0
    for stretch in course.stretches:
        if not stretch.rope:
            return
        longest = 2 * pi * float(stretch.rope) ** ((size - 2) / size) * factor
        if stretch.context <= longest / 2:
            continue
        field = "context" if "context" in stage.spans else "from"
        at = stage.span("rope") if "rope" in stage.spans else arch.span("rope")
        base = float(stretch.rope)
        scaled = f" · {factor:g}" if factor != 1 else ""
        notes = (
            f"2π · {base:g}^({size - 2}/{size}){scaled} = {digits(round(longest))} positions, half of it is "
            f"{digits(round(longest / 2))}",
        )
        need = (stretch.context / (pi * factor)) ** (size / (size - 2))
        help = (f"a base of {digits(_round_up(need))} reaches {digits(stretch.context)}",)
        headline = f"`{stage.address}` reads {digits(stretch.context)} tokens with a RoPE base of {base:g}"
        yield finding(stage.span(field), headline, also=(Label(at, "the base"),), notes=notes, help=help)
        return


def _round_up(base: float) -> int:
    """To two digits, upward."""
    step = 10 ** max(0, len(str(int(base))) - 2)
    return (int(base) // step + 1) * step
