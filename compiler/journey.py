"""The passes from text to a checked graph, in order.  Start reading here.

    text ─► tree ─► names ─► views: the bare spec, then each profile ─► what the rules find ─► letters in order

Each pass takes the journey so far and adds to it; what is wrong becomes a
letter, what failed becomes a hole that later passes skip.  None raises at a user.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache

from .diagnostics.diagnostic import Diagnostic, Label, Severity, in_order
from .front import ast, load, parse
from .graph.blocks.release import Release
from .graph.claims import Verdict
from .graph.letters import letter, unknown
from .graph.model import Graph
from .graph.names import Scope, declare
from .graph.profile import profiles
from .graph.views import View, full, under
from .lint.config import Config
from .lint.inspect import inspect, inspect_again, inspect_pair, is_whole, spec_of
from .lint.rules import rules
from .lint.suppress import Allow, Excused, allows, audit, excuse, leaves_no_plan
from .text import Source, Span

FULL = "full"
"""What the bare spec is called where a profile is named."""

Fetch = Callable[[str], tuple[Source | None, list[Diagnostic]]]
"""Reads the text at a path; raises OSError where there is none."""

_DEEP = 20_000
_TURN = re.compile(r"\[\d+\]")


@dataclass
class Journey:
    """A spec on its way: what has been made of it, and what was found wrong.

    `wanted` names the profiles that are looked at; None means every one.
    `fetch` reads a file, from the disk unless told otherwise.  `allowed` are the letters
    that the spec excuses, with its reasons.
    """

    path: str
    settings: tuple[str, ...] = ()
    wanted: tuple[str, ...] | None = None
    config: Config = field(default_factory=Config)
    fetch: Fetch = load
    letters: list[Diagnostic] = field(default_factory=list[Diagnostic])
    allowed: list[Excused] = field(default_factory=list[Excused])
    source: Source | None = None
    file: ast.File | None = None
    imported: dict[str, ast.File] = field(default_factory=dict[str, ast.File])
    scope: Scope | None = None
    views: dict[str, View] = field(default_factory=dict[str, View])

    @property
    def sound(self) -> bool:
        return not any(found.severity is Severity.ERROR for found in self.letters)

    @property
    def graph(self) -> Graph | None:
        """The graph of the bare spec."""
        return self.views[FULL].graph if FULL in self.views else None

    def claims(self, profile: str, verdict: Verdict) -> int:
        """How many claims came out that way."""
        view = self.views.get(profile)
        return sum(claim.verdict is verdict for claim in view.claims) if view else 0


def read(path: str, fetch: Fetch = load) -> tuple[ast.File | None, list[Diagnostic]]:
    """A spec's tree.  Raises OSError where the file cannot be read."""
    source, letters = fetch(path)
    if source is None:
        return None, letters
    file, found = _parsed(source.path, source.text)
    return file, letters + found


@lru_cache(maxsize=64)
def _parsed(path: str, text: str) -> tuple[ast.File | None, list[Diagnostic]]:
    """The tree of a text.  A library that many specs import is read once."""
    return parse(Source(path, text))


def text_to_tree(journey: Journey) -> None:
    if journey.source is None:
        journey.source, letters = journey.fetch(journey.path)
        journey.letters += letters
    if journey.source:
        journey.file, found = parse(journey.source)
        journey.letters += found


def tree_to_names(journey: Journey) -> None:
    """Names of the spec and of everything that it imports."""

    def imported(path: str) -> tuple[ast.File | None, list[Diagnostic]]:
        try:
            file, letters = read(path, journey.fetch)
        except OSError:
            return None, []
        if file:
            journey.imported[path] = file
        return file, letters

    if journey.file:
        journey.scope, letters = declare(journey.file, journey.path, imported)
        journey.letters += letters


def names_to_views(journey: Journey) -> None:
    """The bare spec; its profiles too, once the text can be read whole."""
    if journey.scope is None:
        return
    is_torn = _is_torn(journey)
    bare = journey.views[FULL] = full(journey.scope, journey.settings, is_torn)
    journey.letters += bare.letters
    found, letters = profiles(journey.scope)
    journey.letters += letters + [
        _no_profile(name, journey) for name in journey.wanted or () if name not in (FULL, *found)
    ]
    for name, profile in found.items():
        if not is_torn and (journey.wanted is None or name in journey.wanted):
            view = journey.views[name] = under(profile, journey.scope, journey.settings, bare)
            journey.letters += view.letters


def views_to_findings(journey: Journey) -> None:
    """What the rules find in every view; nothing while the text cannot be read whole."""
    if journey.file is None or journey.scope is None or _is_torn(journey):
        return
    asked = (journey.file, journey.scope, journey.config)
    bare = journey.views[FULL]
    found = inspect(bare, *asked)
    journey.letters += found
    for name, view in journey.views.items():
        if name != FULL and is_whole(bare):
            journey.letters += inspect_again(view, *asked, found)


def findings_to_letters(journey: Journey) -> None:
    """Take out what the configuration and the spec allow, and order what is left."""
    own = _allows(journey)
    config = journey.config
    letters = [one for one in journey.letters if _counts(one, config)]
    everywhere = [allow for found in own.values() for allow in found]
    letters, excused = excuse(letters, everywhere, _headers(journey))
    reasons = {(found.code, found.span): reason for found, reason in excused}
    folded = in_order(list(_folded([found for found, _ in excused])))
    journey.allowed = [Excused(found, reasons[found.code, found.span]) for found in folded]
    if journey.file:
        letters += _audited(journey, own[id(journey.file)])
    journey.letters = in_order(
        [found if leaves_no_plan(found) else config.level(found) for found in _folded(letters)]
    )


def _allows(journey: Journey) -> dict[int, list[Allow]]:
    """The allows of a spec and of what it imports, by file."""
    files = [file for file in (journey.file, *journey.imported.values()) if file]
    return {id(file): allows(file) for file in files}


def _headers(journey: Journey) -> dict[str, Span]:
    """Where every block is written."""
    return {
        name: block.header
        for view in journey.views.values()
        for name, block in (view.graph.blocks if view.graph else {}).items()
    }


def broken(
    before: Journey, after: Journey, profile: str, category: str
) -> tuple[list[Diagnostic], list[Excused]]:
    """What a change of a spec breaks, and what of that the new spec allows.

    Both have a graph under the profile.  `category` is one of `lint.pair.CATEGORIES`.
    """
    config, file = after.config, after.file
    one, other = (
        spec_of(journey.views[profile], journey.scope, config) if journey.scope else None
        for journey in (before, after)
    )
    if one is None or other is None or file is None:
        return [], []
    letters = inspect_pair(one, other, file, config, category)
    allowed = [allow for found in _allows(after).values() for allow in found]
    letters, excused = excuse(letters, allowed, _headers(after))
    return in_order([config.level(found) for found in _folded(letters)]), excused


def all_gone(before: Journey, profile: str) -> list[Diagnostic]:
    """What breaks when a whole spec is gone: all that it released."""
    graph = before.views[profile].graph
    one = rules()["BRK101"]
    return [
        Diagnostic(one.code, one.name, f"`{release.address}` is no longer released", (Label(release.header),))
        for release in (graph.of(Release) if graph else [])
    ]


def _counts(found: Diagnostic, config: Config) -> bool:
    """Whether the configuration lets a letter stand; what leaves no plan it cannot take away."""
    path = found.span.source.path if found.span else ""
    return leaves_no_plan(found) or config.counts(found.code, found.name, path)


def _audited(journey: Journey, own: list[Allow]) -> list[Diagnostic]:
    """What is wrong with the spec's allows; those that allow nothing are told when everything was looked at."""
    assert journey.file
    everything = (
        journey.wanted is None
        and not journey.settings
        and all(is_whole(view) for view in journey.views.values())
    )
    path, config = journey.path, journey.config

    def could_fire(code: str, name: str) -> bool:
        """Rules about a spec's past do not look here, so that nothing is known of what allows them."""
        return not (code in rules() and rules()[code].breaks) and config.counts(code, name, path)

    found = audit(journey.file, own, could_fire if everything else None)
    return [one for one in found if config.counts(one.code, one.name, path)]


def _is_torn(journey: Journey) -> bool:
    return any(found.code.startswith("SYN") for found in journey.letters)


PASSES: tuple[Callable[[Journey], None], ...] = (
    text_to_tree,
    tree_to_names,
    names_to_views,
    views_to_findings,
    findings_to_letters,
)


def travel(
    path: str,
    settings: tuple[str, ...] = (),
    wanted: tuple[str, ...] | None = None,
    source: Source | None = None,
    config: Config | None = None,
    fetch: Fetch = load,
) -> Journey:
    """All passes over one spec, from its file or from a source that is at hand.

    Raises OSError where its file cannot be read, and nothing else.
    """
    journey = Journey(path, settings, wanted, config or Config(), fetch, source=source)
    with room_to_recurse():
        for step in PASSES:
            try:
                step(journey)
            except RecursionError:
                journey.letters.append(_too_tangled(journey))
                journey.letters = in_order(list(_folded(journey.letters)))
                break
    return journey


def _no_profile(name: str, journey: Journey) -> Diagnostic:
    assert journey.scope
    assert journey.source
    head = Span(journey.source, 0, 0)
    known = (FULL, *journey.scope.names.profiles)
    found = unknown("PRF105", f"there is no profile `{name}` in this spec", head, "", known)
    return replace(found, fix=None, help=(f"there are {', '.join(f'`{one}`' for one in known)}",), notes=())


@contextmanager
def room_to_recurse() -> Generator[None]:
    """Values that wait for values are worked out by recursion; `build` bounds how deep."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEEP))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _too_tangled(journey: Journey) -> Diagnostic:
    assert journey.source
    return letter(
        "LIN109", "the values of this spec wait for one another too deeply", Span(journey.source, 0, 0)
    )


def _folded(letters: list[Diagnostic]) -> Iterator[Diagnostic]:
    """One letter for one place: what differs only in a loop's turn, or the stage that reads a `let`, is said once."""
    seen: dict[object, list[Diagnostic]] = {}
    for found in letters:
        told = found.headline.replace(f"`{found.stage}`", "`*`") if found.stage else found.headline
        seen.setdefault((found.code, _TURN.sub("[*]", told), found.span, found.profile), []).append(found)
    for same in seen.values():
        places = list(dict.fromkeys(one.stage or one.headline for one in same))
        turns = len({_TURN.sub("[*]", place) for place in places}) == 1
        noun = ("turn" if turns else "stage") + ("s" if len(places) > 2 else "")
        more = f"the same in {len(places) - 1} more {noun}" if len(places) > 1 else ""
        yield replace(same[0], notes=(*same[0].notes, more)) if more else same[0]
