"""Personal data and secrets: found by their form, and replaced by stand-ins, or the document is dropped.

E-mail addresses; public IP addresses; keys in PEM blocks, and long random values of what is
called key, token, secret or password; phone numbers, with the extra that knows their forms.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator

from .filter import Filtered, Given, Page

Found = Callable[[str], Iterator[tuple[int, int]]]
"""Where in a text something of a kind stands."""

_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"
    r"(?![\w-])"
)
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d|\.\w)")
_IPV6 = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}(?![\w:])")
"""Out of 2000::/3, in which all global ones are; `a::b` is one elsewhere."""
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?)-----.{0,20000}?-----END \1-----", re.S)
_SECRET = re.compile(
    r"(?i)\b(?:api|access|auth|client|private|secret|aws|app)?[_-]?(?:key|token|secret|passwd|password)\b"
    r"[\"']?\s{0,3}[:=]{1,2}\s{0,3}[\"']?([A-Za-z0-9+/_=.-]{20,200})"
)
STANDS_FOR = {
    "emails": "email@example.com",
    "addresses": "192.0.2.1",
    "keys": "REMOVED-KEY",
    "phones": "+1 202-555-0100",
}
"""Reserved for such use (RFC 2606, RFC 5737; 555-01xx): none of them is anybody's."""
_CALLED = {
    "emails": "an e-mail address",
    "addresses": "an IP address",
    "keys": "a key",
    "phones": "a phone number",
}
_RANDOM = 3.5
"""Bits of entropy a character from which a value counts as drawn at random; words come to 3."""


def keep(pages: Iterator[Page], given: Given) -> Filtered:
    deeds = [(name, given.settings.get(name, "keep"), find) for name, find in FINDERS.items()]
    deeds = [one for one in deeds if one[1] != "keep"]
    for page in pages:
        text, counts = page.text, Counter[str]()
        refused, times = "", 0
        for name, deed, find in deeds:
            places = list(find(text))
            if places and deed == "drop":
                refused, times = name, len(places)
                break
            if places:
                counts[name] += len(places)
                text = _replaced(text, places, STANDS_FOR[name])
        if refused:
            yield Page(page.id, "", {}).dropped(_CALLED[refused], times)
            continue
        for name, count in counts.items():
            yield page.lost(f"{_CALLED[name]} replaced", count)
        yield page.but(text) if counts else page


def _replaced(text: str, places: list[tuple[int, int]], by: str) -> str:
    parts, at = list[str](), 0
    for start, end in places:
        parts += [text[at:start], by]
        at = end
    return "".join((*parts, text[at:]))


# ---- what is looked for ----------------------------------------------------------------------


def emails(text: str) -> Iterator[tuple[int, int]]:
    if "@" not in text:
        return
    for found in _EMAIL.finditer(text):
        if not found[0].lower().endswith(("@example.com", "@example.org", "@example.net")):
            yield found.span()


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Addresses that can be reached from anywhere; those of private and reserved networks are nobody's."""
    spans = [one.span() for one in _IPV4.finditer(text)]
    if "::" in text or text.count(":") > 6:
        spans += [one.span() for one in _IPV6.finditer(text)]
    for start, end in sorted(spans):
        try:
            if ipaddress.ip_address(text[start:end]).is_global:
                yield start, end
        except ValueError:
            continue


def keys(text: str) -> Iterator[tuple[int, int]]:
    spans = [found.span() for found in _PEM.finditer(text)] if "PRIVATE KEY" in text else []
    spans += [found.span(1) for found in _SECRET.finditer(text) if _is_random(found[1])]
    at = 0
    for start, end in sorted(spans):
        if start >= at:
            yield start, end
            at = end


def _is_random(value: str) -> bool:
    """Digits and letters mixed, and hardly a character like the next."""
    counts = Counter(value).values()
    entropy = -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
    mixed = any(one.isdigit() for one in value) and any(one.isalpha() for one in value)
    return mixed and entropy >= _RANDOM


def phones(text: str) -> Iterator[tuple[int, int]]:
    """Numbers in international form that could be somebody's; those without a country code are not looked for."""
    from phonenumbers import Leniency, PhoneNumberMatcher

    for found in PhoneNumberMatcher(text, None, leniency=Leniency.VALID):
        yield found.start, found.end


FINDERS: dict[str, Found] = {"keys": keys, "emails": emails, "addresses": addresses, "phones": phones}
"""In the order in which they are looked for: a key may hold what looks like an address."""
