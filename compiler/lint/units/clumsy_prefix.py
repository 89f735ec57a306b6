"""UNI301 clumsy-prefix."""

from fractions import Fraction

from ...diagnostics.diagnostic import Edit, Fix
from ...front import ast
from ..rule import Findings, finding, rule
from ..spec import Spec, walk

_NEXT = {"M": ("B", 1000), "B": ("T", 1000), "Ki": ("Mi", 1024), "Mi": ("Gi", 1024), "Gi": ("Ti", 1024)}
"""The prefix above, where both mean the same whatever is counted; `k` and `M` of context are binary."""


_CONTEXTS = ("context", "lengths", "window", "original")
"""Fields in which `M` without a noun is binary, and `B` means nothing."""


@rule("UNI301", "clumsy-prefix")
def clumsy_prefix(file: ast.File, spec: Spec) -> Findings:
    """A number that the next prefix would make shorter.

    ## What it finds
    `15600B` for `15.6T`, `4096Ki` for `4Mi`.

    ## Why it matters
    The slip between M, B and T is the most common one in print; a short number shows it.

    ## Example
    ```lehr
    corpus large { tokens = 15600B }
    train more { from = grown;  data = large;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    corpus large { tokens = 15.6T }
    train more { from = grown;  data = large;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```
    """
    nodes = list(walk(file.body))
    plain: set[int] | None = None
    for node in nodes:
        if not isinstance(node, ast.Number) or node.suffix not in _NEXT or node.noun == "context":
            continue
        if node.suffix == "M" and not node.noun:
            plain = _plainly(nodes) if plain is None else plain
            if id(node) not in plain:
                continue  # it may be a context, here or where a `let` is read
        prefix, factor = _NEXT[node.suffix]
        value = node.value / factor
        if value >= 1 and (factor == 1000 or value.denominator == 1):
            text = f"{_plain(value)}{prefix}" + (f" {node.noun}" if node.noun else "")
            fix = Fix(f"write `{text}`", (Edit(node.span, text),))
            yield finding(node.span, f"`{node.span.text}` is `{text}`", fix=fix)


def _plainly(nodes: list[ast.Node]) -> set[int]:
    """The nodes in the values of fields that hold no context."""
    fields = [one for one in nodes if isinstance(one, ast.Field) and one.path[-1].text not in _CONTEXTS]
    return {id(node) for one in fields for node in walk(one.value)}


def _plain(value: Fraction) -> str:
    """A decimal with no more digits than it needs; thousandths of a decimal numeral always end."""
    whole, rest = divmod(value, 1)
    places = ""
    while rest:
        digit, rest = divmod(rest * 10, 1)
        places += str(int(digit))
    return f"{whole}.{places}" if places else str(whole)
