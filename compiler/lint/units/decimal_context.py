"""UNI201 decimal-context."""

import re
from fractions import Fraction

from ...diagnostics.diagnostic import Edit, Fix
from ...graph.schema import Block
from ...graph.values import Timeline
from ...text import Span
from ...units import Quantity, digits
from ..rule import Findings, finding, rule
from ..spec import Spec

_PLAIN = re.compile(r"(\d[\d_]*)\s*(context)?$")
_LEAST = 1000


@rule("UNI201", "decimal-context")
def decimal_context(block: Block, spec: Spec) -> Findings:
    """A context written as a round decimal number.

    ## What it finds
    A context of a thousand tokens or more that is a whole number of thousands and not of 1 024.

    ## Why it matters
    Papers write "128k" and mean 131 072. A context of 128 000 is legal, and sequences of that length
    fit no batch that is a power of two; kernels pad them to the next block.

    ## Example
    ```lehr
    bench near { suite = needle();  context = 1000 context }
    eval marks { of = [grown];  benches = [near] }
    ```

    ## Instead
    ```lehr
    bench near { suite = needle();  context = 1k }
    eval marks { of = [grown];  benches = [near] }
    ```
    """
    for name, (_, holds) in type(block).fields().items():
        if holds.kind != "context" or name not in block.spans:
            continue
        value = block.value(name)
        written = value.values if isinstance(value, Timeline) else ((value, block.span(name)),)
        for one, span in written:
            yield from _letters(one, _value(span, one))


def _value(span: Span, value: object) -> Span:
    """The literal itself, where a leg's span holds its point too."""
    found = re.match(r"(?:->|~>)?\s*(\d[\d_]*(?:\s*context)?)", span.text)
    return Span(span.source, span.start + found.start(1), span.start + found.end(1)) if found else span


def _letters(value: object, span: Span) -> Findings:
    found = _PLAIN.match(span.text.strip())
    amount = (
        value.value if isinstance(value, Quantity) else Fraction(value) if isinstance(value, int) else None
    )
    if found is None or amount is None or amount < _LEAST or amount % 1000 or amount % 1024 == 0:
        return
    if Fraction(found[1].replace("_", "")) != amount:
        return
    near = max(1, round(amount / 1000))
    fix = Fix(f"write `{near}k`", (Edit(span, f"{near}k"),), "unsafe")
    notes = (f"{near}k of context are {digits(near * 1024)} tokens",)
    yield finding(span, f"{digits(amount)} tokens are no usual context", notes=notes, fix=fix)
