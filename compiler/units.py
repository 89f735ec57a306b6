"""Exact quantities with dimensions: what `15.6T tokens` and `128k context` mean.

Comes after the tree (a `Number` is only digits, a suffix and a noun) and before
every value in the graph.  Arithmetic is on `Fraction`; nothing is rounded here.

The noun decides the prefix, because that is how the field writes: k, M, B and T
are powers of 1 000 for tokens, steps and parameters, and powers of 1 024 for
context; Ki, Mi, Gi and Ti are always binary.  A numeral with a prefix and no
noun (`128k`) waits, as a `Quantity` with a pending `prefix`, for the field that
it lands in or for the other side of a sum or comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

Dims = tuple[tuple[str, int], ...]
"""Base dimensions with their exponents, sorted: tokens per parameter is (("params", -1), ("tokens", 1))."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """An exact value; `prefix` is a prefix that still waits for its noun, `""` otherwise."""

    value: Fraction
    dims: Dims = ()
    prefix: str = ""

    def __str__(self) -> str:
        return show(self)


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a quantity cannot be what it is asked to be; `instead` is what to type, where that is plain."""

    code: str
    why: str
    instead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """What a field holds: its dimensions, how its prefixes count, and whether bare digits will do."""

    name: str
    dims: tuple[Dims, ...]
    noun: str = ""
    binary: bool = False
    bare: bool = False
    whole: bool = True


def _of(base: str) -> Dims:
    return ((base, 1),)


TOKENS, CONTEXT, STEPS, EXAMPLES, EPOCHS, CURRENCY = map(
    _of, ("tokens", "context", "steps", "examples", "epochs", "currency")
)

_KINDS = (
    Kind("tokens", (TOKENS,), "tokens"),
    Kind("context", (CONTEXT,), "context", binary=True),
    Kind("batch", (TOKENS, EXAMPLES), "sequences"),
    Kind("steps", (STEPS,), "steps", bare=True),
    Kind("params", (_of("params"),), "params"),
    Kind("examples", (EXAMPLES,), "examples", bare=True),
    Kind("epochs", (EPOCHS,), "epochs", bare=True, whole=False),
    Kind("flops", (_of("flops"),), "flops", whole=False),
    Kind("bytes", (_of("bytes"),), "bytes"),
    Kind("duration", (_of("seconds"),), "s", whole=False),
    Kind("currency", (CURRENCY,), "USD", whole=False),
    Kind("price", ((("currency", 1), ("seconds", -1)),), "USD / 1h", whole=False),
    Kind("bandwidth", ((("bytes", 1), ("seconds", -1)),), "GB / 1s", whole=False),
    Kind("count", ((),), bare=True),
    Kind("rate", ((),), bare=True, whole=False),
    Kind("ratio", ((),), bare=True, whole=False),
    Kind("point", (TOKENS, STEPS, ()), "tokens", whole=False),
    Kind("interval", (TOKENS, STEPS), "tokens"),
    Kind("length", (TOKENS, CONTEXT), "tokens"),
)
KINDS = {kind.name: kind for kind in _KINDS}

NOUNS: dict[str, Kind] = {
    "token": KINDS["tokens"],
    "tokens": KINDS["tokens"],
    "context": KINDS["context"],
    "step": KINDS["steps"],
    "steps": KINDS["steps"],
    "params": KINDS["params"],
    "example": KINDS["examples"],
    "examples": KINDS["examples"],
    "prompt": KINDS["examples"],
    "prompts": KINDS["examples"],
    "sequence": KINDS["examples"],
    "sequences": KINDS["examples"],
    "epoch": KINDS["epochs"],
    "epochs": KINDS["epochs"],
    "flops": KINDS["flops"],
}

DECIMAL = {"k": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_CONTEXT = {"k": 2**10, "M": 2**20}
_BYTES = {f"{prefix}B": 1000**power for power, prefix in enumerate("kMGTP", start=1)} | {
    f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGTP", start=1)
}
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_SLIPS = {
    "K": "k",
    "t": "T",
    "b": "B",
    "m": "M",
    "Bn": "B",
    "bn": "B",
    "mn": "M",
    "Mio": "M",
    "tn": "T",
    "G": "B",
}


def read(value: Fraction, suffix: str, noun: str) -> Quantity | Misfit:
    """A numeral's quantity.  The prefix waits when there is no noun to decide it."""
    if noun:
        return _prefixed(value, suffix, NOUNS[noun])
    if suffix == "%":
        return Quantity(value / 100)
    if suffix in _BYTES:
        return Quantity(value * _BYTES[suffix], _of("bytes"))
    if suffix in _SECONDS:
        return Quantity(value * _SECONDS[suffix], _of("seconds"))
    if is_currency(suffix):
        return Quantity(value, _of(suffix))
    if suffix == "" or suffix in DECIMAL or suffix in BINARY:
        return Quantity(value, (), suffix)
    return _unknown(suffix)


def _prefixed(value: Fraction, prefix: str, kind: Kind) -> Quantity | Misfit:
    factors = BINARY | (_CONTEXT if kind.binary else DECIMAL)
    if prefix == "":
        return Quantity(value, kind.dims[0])
    if prefix not in factors:
        return _unknown(prefix)
    return Quantity(value * factors[prefix], kind.dims[0])


def _unknown(suffix: str) -> Misfit:
    if suffix in NOUNS:
        return Misfit("UNI102", f"a noun stands apart from its number: a space is missing before `{suffix}`")
    instead = (_SLIPS[suffix],) if suffix in _SLIPS else ()
    return Misfit("UNI102", f"there is no unit `{suffix}`", instead)


def settle(quantity: Quantity, kind: Kind) -> Quantity | Misfit:
    """The quantity as one of `kind`: a waiting prefix is decided, and the dimensions must fit."""
    if quantity.prefix:
        settled = _prefixed(quantity.value, quantity.prefix, kind)
        if isinstance(settled, Misfit):
            return settled
        quantity = settled
    elif quantity.dims == () and () not in kind.dims and kind.bare:
        quantity = Quantity(quantity.value, kind.dims[0])
    if _nameless(quantity.dims) not in kind.dims:
        return _misfit(quantity, kind)
    if kind.whole and quantity.value.denominator != 1:
        return Misfit("UNI105", f"{show(quantity)} is not a whole number")
    if quantity.value < 0:
        return Misfit("UNI104", f"{kind.name} cannot be negative")
    return quantity


def is_currency(base: str) -> bool:
    """Whether a base dimension is money: three capitals, as in ISO 4217.  Nothing is converted."""
    return len(base) == 3 and base.isalpha() and base.isupper()


def _nameless(dims: Dims) -> Dims:
    """The dimensions with any currency called `currency`."""
    if not any(is_currency(base) for base, _ in dims):
        return dims
    return tuple(sorted(("currency" if is_currency(base) else base, power) for base, power in dims))


def _misfit(quantity: Quantity, kind: Kind) -> Misfit:
    if quantity.dims != ():
        return Misfit("UNI103", f"{kind.name} is due here, and this is {name(quantity.dims)}")
    number = show(quantity)
    instead = [f"{_plain(quantity.value)} {kind.noun}"]
    if kind.binary and quantity.value and quantity.value % 1024 == 0:
        instead.insert(0, f"{_plain(quantity.value / 1024)}k")
    return Misfit("UNI101", f"a number of {kind.noun} is due here, and {number} has no unit", tuple(instead))


def settle_like(quantity: Quantity, dims: Dims) -> Quantity | Misfit:
    """A waiting prefix, or bare digits where they will do, decided by a neighbour in a sum or comparison."""
    if dims == () and not quantity.prefix:
        return quantity
    kind = next((kind for kind in _KINDS if kind.dims[0] == dims), None)
    if quantity.prefix and kind is None:
        return Misfit("UNI101", f"the prefix `{quantity.prefix}` needs a noun here")
    if kind and (quantity.prefix or (quantity.dims == () and kind.bare)):
        return _prefixed(quantity.value, quantity.prefix, kind)
    return quantity


# ---- arithmetic ------------------------------------------------------------------


def times(left: Quantity, right: Quantity) -> Quantity | Misfit:
    if left.prefix and right.prefix:
        return Misfit("UNI101", "a prefix needs a noun before it can be multiplied by another")
    return Quantity(left.value * right.value, _merge(left.dims, right.dims, 1), left.prefix or right.prefix)


def over(left: Quantity, right: Quantity) -> Quantity | Misfit:
    if right.value == 0:
        return Misfit("UNI106", "this divides by zero")
    if right.prefix:
        decided = Quantity(right.value * (DECIMAL | BINARY)[right.prefix], right.dims)
        return over(left, decided)
    return Quantity(left.value / right.value, _merge(left.dims, right.dims, -1), left.prefix)


def plus(left: Quantity, right: Quantity, sign: int = 1) -> Quantity | Misfit:
    pair = alike(left, right)
    if isinstance(pair, Misfit):
        return pair
    left, right = pair
    return replace(left, value=left.value + sign * right.value)


def alike(left: Quantity, right: Quantity) -> tuple[Quantity, Quantity] | Misfit:
    """Both in the same dimensions, or why that cannot be; zero fits everything."""
    if left.prefix and left.prefix == right.prefix:
        return left, right
    for zero, other in ((left, right), (right, left)):
        if zero.value == 0 and zero.dims == () and not zero.prefix:
            flat = replace(other, value=Fraction(0))
            return (flat, other) if zero is left else (other, flat)
    one, other = settle_like(left, right.dims), settle_like(right, left.dims)
    if isinstance(one, Misfit):
        return one
    if isinstance(other, Misfit):
        return other
    if one.dims != other.dims:
        return Misfit("UNI103", f"{name(one.dims)} and {name(other.dims)} do not mix")
    return one, other


def _merge(left: Dims, right: Dims, sign: int) -> Dims:
    exponents = dict(left)
    for base, exponent in right:
        exponents[base] = exponents.get(base, 0) + sign * exponent
    return tuple(sorted((base, exponent) for base, exponent in exponents.items() if exponent))


# ---- how people read them ----------------------------------------------------------


def name(dims: Dims) -> str:
    """Dimensions in words: `tokens / params`."""
    if not dims:
        return "a plain number"
    top = [base + (f"^{power}" if power > 1 else "") for base, power in dims if power > 0]
    bottom = [base + (f"^{-power}" if power < -1 else "") for base, power in dims if power < 0]
    return " ".join(top or ["1"]) + "".join(f" / {base}" for base in bottom)


def digits(value: Fraction | int) -> str:
    """A number with its thousands apart: `1 100 928`; at most six digits after the point."""
    value = Fraction(value)
    if value.denominator == 1:
        return f"{value.numerator:,}".replace(",", " ")
    if abs(value) < Fraction(1, 1000):
        return f"{float(value):.4g}"
    return f"{float(value):,.6f}".rstrip("0").replace(",", " ")


def _plain(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):g}"


def show(quantity: Quantity) -> str:
    """A quantity with its digits in groups and its dimensions in words."""
    number = digits(quantity.value) + quantity.prefix
    return f"{number} {name(quantity.dims)}" if quantity.dims else number
