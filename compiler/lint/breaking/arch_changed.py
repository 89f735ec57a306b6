"""BRK102 arch-changed."""

from collections.abc import Iterator

from ...diagnostics.diagnostic import Label
from ...graph.blocks.arch import Arch
from ..pair import Pair
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("BRK102", "arch-changed", breaks="RELEASE")
def arch_changed(pair: Pair, spec: Spec) -> Findings:
    """A released model of another shape.

    ## What it finds
    Releases whose model's `arch` differs from what it was in any field.

    ## Why it matters
    Code that builds the model from its old configuration cannot load the new weights, and adapters,
    quantised copies and inference servers that were made for the old shape do not fit.

    ## Before
    ```lehr
    release first { model = grown }
    arch wide like small { ffn = 256 }
    init fresh { arch = wide;  tokenizer = words }
    train last like grown { from = fresh }
    release best { model = last }
    ```

    ## Example
    ```lehr
    release first { model = grown }
    arch wide like small { ffn = 320 }
    init fresh { arch = wide;  tokenizer = words }
    train last like grown { from = fresh }
    release best { model = last }
    ```

    ## Instead
    ```lehr
    release first { model = grown }
    arch wide like small { ffn = 256 }
    init fresh { arch = wide;  tokenizer = words }
    train last like grown { from = fresh }
    release best { model = last }
    arch wider like small { ffn = 320 }
    init other { arch = wider;  tokenizer = words }
    train last_wider like grown { from = other }
    release best_wider { model = last_wider }
    ```
    """
    for old, new, names in _archs(pair):
        changed = pair.differ(old, new)
        if changed:
            listed = ", ".join(f"`{name}`" for name in names)
            headline = f"the shape of {listed} changed: {', '.join(f'`{name}`' for name in changed)}"
            first = changed[0]
            also = (Label(old.span(first), "it was this"),)
            yield finding(new.span(first), headline, also=also, stage=names[0])


def _archs(pair: Pair) -> Iterator[tuple[Arch, Arch, list[str]]]:
    """The shapes of released models, as they were and are, each pair once with the releases that have it."""
    found: dict[tuple[str, str], tuple[Arch, Arch, list[str]]] = {}
    for old, new in pair.releases():
        before = pair.before.graph.derived.lineage.arch(old.model)
        after = pair.after.graph.derived.lineage.arch(new.model)
        if before and after:
            key = before.address, after.address
            found.setdefault(key, (before, after, []))[2].append(new.address)
    yield from found.values()
