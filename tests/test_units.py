"""Quantities: prefixes by noun, dimensions, exact arithmetic."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lehr.compiler.units import KINDS, Misfit, Quantity, alike, digits, over, plus, read, settle, show, times


def quantity(number: str, suffix: str = "", noun: str = "", kind: str = "") -> Quantity:
    found = read(Fraction(number), suffix, noun)
    assert isinstance(found, Quantity)
    settled = settle(found, KINDS[kind]) if kind else found
    assert isinstance(settled, Quantity), settled
    return settled


@pytest.mark.parametrize(
    ("number", "suffix", "noun", "kind", "value"),
    [
        ("128", "k", "context", "", 131_072),
        ("128", "k", "", "context", 131_072),
        ("15.6", "T", "", "tokens", 15_600_000_000_000),
        ("16", "Mi", "", "batch", 16_777_216),
        ("4", "M", "", "batch", 4_000_000),
        ("405", "B", "params", "", 405_000_000_000),
        ("8", "k", "steps", "", 8_000),
        ("8000", "", "", "steps", 8_000),
        ("80", "GiB", "", "bytes", 80 * 2**30),
        ("36", "h", "", "duration", 129_600),
        ("17", "%", "", "ratio", Fraction(17, 100)),
        ("3.8e25", "", "flops", "", 38 * 10**24),
    ],
)
def test_the_noun_decides_the_prefix(number: str, suffix: str, noun: str, kind: str, value: int):
    assert quantity(number, suffix, noun, kind).value == value


@pytest.mark.parametrize(
    ("number", "suffix", "kind", "code", "instead"),
    [
        ("8192", "", "context", "UNI101", "8k"),
        ("1000", "", "tokens", "UNI101", "1000 tokens"),
        ("16", "", "batch", "UNI101", "16 sequences"),
        ("4", "K", "", "UNI102", "k"),
        ("3", "Bn", "", "UNI102", "B"),
        ("5", "steps", "", "UNI102", None),
        ("17", "%", "context", "UNI101", None),
        ("36", "h", "tokens", "UNI103", None),
        ("-3", "k", "tokens", "UNI104", None),
        ("0.5", "", "count", "UNI105", None),
    ],
)
def test_what_does_not_fit_says_what_to_write(
    number: str, suffix: str, kind: str, code: str, instead: str | None
):
    found = read(Fraction(number), suffix, "")
    found = settle(found, KINDS[kind]) if isinstance(found, Quantity) else found
    assert isinstance(found, Misfit)
    assert found.code == code
    assert instead is None or instead in found.instead


def test_tokens_per_parameter_times_parameters_are_tokens():
    ratio = over(quantity("20", noun="tokens"), quantity("1", noun="params"))
    assert isinstance(ratio, Quantity)
    assert times(ratio, quantity("405", "B", "params")) == quantity("8.1", "T", kind="tokens")


def test_a_waiting_prefix_takes_its_neighbours_kind():
    assert plus(quantity("32", "k"), quantity("1", "k", "context")) == quantity("33", "k", "context")
    assert alike(quantity("780", "B", "tokens"), quantity("780", "B"))[0] == quantity("780", "B", "tokens")


def test_kinds_do_not_mix():
    assert plus(quantity("1", noun="tokens"), quantity("1", noun="steps")).code == "UNI103"


def test_zero_fits_everything():
    pair = alike(quantity("0"), quantity("3", noun="steps"))
    assert not isinstance(pair, Misfit)


@given(st.fractions(max_denominator=10**6), st.fractions(max_denominator=10**6).filter(bool))
def test_multiplying_and_dividing_by_the_same_gives_the_same(value: Fraction, by: Fraction):
    start, factor = Quantity(value, (("tokens", 1),)), Quantity(by, (("steps", 1),))
    product = times(start, factor)
    assert isinstance(product, Quantity)
    assert over(product, factor) == start


@given(st.integers(min_value=0, max_value=10**18))
def test_digits_stand_in_groups_of_three_and_read_back(number: int):
    assert int(digits(number).replace(" ", "")) == number


def test_a_quantity_is_shown_with_its_dimensions():
    assert show(quantity("128", "k", "context")) == "131 072 context"
    assert show(over(quantity("20", noun="tokens"), quantity("1", noun="params"))) == "20 tokens / params"
