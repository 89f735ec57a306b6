"""One reading of a spec: at full scale, or under a profile.

Comes after `names`: edits go in, blocks are built, the graph is closed, claims
are judged.  A profile is read twice: edited at full scale, then made smaller.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

from ..diagnostics.diagnostic import Diagnostic, Severity
from ..text import Span
from .blocks.arch import Arch
from .blocks.cluster import Cluster
from .blocks.corpus import Corpus
from .blocks.distill import Distill
from .blocks.merge import Merge
from .blocks.mix import Mix
from .blocks.pipeline import Pipeline
from .blocks.preferences import Preferences
from .blocks.prompts import Prompts
from .blocks.sft import Sft
from .blocks.tokenizer import Tokenizer
from .blocks.trained import Trained
from .build import Builder
from .claims import Claim, judge, judge_again, unasked
from .edits import Edits
from .letters import letter
from .model import Graph, cycles
from .names import Scope
from .profile import Profile
from .scale import Scaler, scaling
from .schema import Block
from .shapes import (
    audit_arch,
    audit_convex,
    audit_currencies,
    audit_folders,
    audit_merge,
    audit_source,
    audit_tokenizer,
)
from .shares import audit, audit_use


@dataclass
class View:
    """What a spec comes to under one profile; `full` is the bare spec."""

    profile: str
    builder: Builder
    graph: Graph | None = None
    letters: list[Diagnostic] = field(default_factory=list[Diagnostic])
    claims: list[Claim] = field(default_factory=list[Claim])
    edited: View | None = None
    """Of a scaled view: the one at full scale that it was made of, with the profile's edits."""
    scaler: Scaler | None = None

    @property
    def sound(self) -> bool:
        return not any(found.severity is Severity.ERROR for found in self.letters)


def full(root: Scope, settings: tuple[str, ...], is_torn: bool) -> View:
    """The bare spec."""
    edits = Edits()
    edits.settings(settings, root)
    view = _built(root, edits, "full", is_torn)
    for scope in view.builder.scopes():
        view.claims += [judge(claim, scope, view.builder) for claim in scope.names.claims]
    view.letters += [claim.said for claim in view.claims if claim.said]
    return view


def under(profile: Profile, root: Scope, settings: tuple[str, ...], bare: View) -> View:
    """The spec under a profile; `letters` are those that the bare spec does not have."""
    view = _built(root, profile.edits(root, settings), profile.name, is_torn=False)
    view.letters += profile.letters
    scales = profile.scales(view.builder, root)
    if scales and view.graph and view.sound:
        view = _scaled(view, Scaler(scales, view.builder.derived))
    if view.graph and view.sound:
        view.claims = _claims(bare, view)
        view.letters += [claim.said for claim in view.claims if claim.said] + unasked(view.claims)
    known = {_key(found) for found in bare.letters}
    view.letters = [replace(one, profile=profile.name) for one in view.letters if _key(one) not in known]
    return view


def _key(found: Diagnostic) -> tuple[str, str, Span | None]:
    return found.code, found.headline, found.span


def _claims(bare: View, view: View) -> list[Claim]:
    """The claims of the bare spec, judged again; rounds that the profile has not are left out."""
    edited = view.edited or view
    scopes = {scope.prefix: scope for scope in edited.builder.scopes()}
    again = [
        replace(one, scope=scopes[one.scope.prefix]) for one in bare.claims if one.scope.prefix in scopes
    ]

    @cache
    def unfloored() -> Builder:
        return _scaled(edited, replace(view.scaler, floors=False)).builder if view.scaler else view.builder

    return [judge_again(claim, edited.builder, view.builder, unfloored) for claim in again]


def _built(root: Scope, edits: Edits, profile: str, is_torn: bool) -> View:
    """Everything evaluated and checked, at full scale."""
    letters: list[Diagnostic] = list(edits.letters)
    view = View(profile, Builder(root, letters, edits, profile, is_torn), letters=letters)
    view.builder.build()
    _close(view, is_torn)
    return view


def _scaled(view: View, scaler: Scaler) -> View:
    """The same graph, smaller."""
    edited = view.builder
    blocks: dict[str, Block | None] = {
        address: scaler.block(block) if block else None for address, block in edited.blocks.items()
    }
    letters: list[Diagnostic] = list(view.letters)
    sized = scaling(scaler.scales, scaler.floors)
    builder = Builder(edited.root, letters, edited.edits, view.profile, blocks=blocks, scaling=sized)
    found = View(view.profile, builder, letters=letters, edited=view, scaler=scaler)
    _close(found, is_torn=False)
    return found


def _close(view: View, is_torn: bool) -> None:
    """The blocks as a graph, once they hang together, and what is wrong with it as a whole."""
    builder = view.builder
    built = {name: block for name, block in builder.blocks.items() if block is not None}
    order = {address: place for place, address in enumerate(builder.addresses(builder.root))}
    blocks = dict(sorted(built.items(), key=lambda item: order.get(item[0], len(order))))
    rings = cycles(blocks)
    view.letters += rings
    pipelines = [block for block in blocks.values() if isinstance(block, Pipeline)]
    written = [block for block in builder.root.names.blocks() if block.kind.text == "pipeline"]
    if len(written) != 1 and not is_torn:
        view.letters.append(_pipelines(builder, [block.kind.span for block in written]))
    if pipelines and not rings:
        view.graph = Graph(pipelines[0], blocks, builder.derived, builder.loops.found())
        view.letters += _audits(view.graph)


def _pipelines(builder: Builder, written: list[Span]) -> Diagnostic:
    headline = "a spec has one `pipeline` block" + ("" if written else ", and this has none")
    help = () if written else ("name the recipe: `pipeline my_recipe {}`",)
    span = written[1] if written else builder.root.head
    assert span
    return letter("LIN107", headline, span, help=help)


def _audits(graph: Graph) -> list[Diagnostic]:
    """What is wrong with blocks that are each well formed: shapes, schedules, shares."""
    found = audit_folders(graph.pipeline) + audit_currencies(graph.of(Cluster))
    for block in graph.blocks.values():
        match block:
            case Tokenizer():
                found += audit_tokenizer(block)
            case Arch():
                found += audit_arch(block)
            case Corpus() | Prompts() | Preferences():
                found += audit_source(block)
            case Trained():
                found += graph.derived.audit_curves(block)
                course = graph.derived.course(block)
                found += audit_use(course, graph.blocks.get, block.address) if course else []
                found += audit_convex(block) if isinstance(block, Distill | Sft) else []
            case Merge():
                found += audit_merge(block)
            case Mix():
                found += audit(block, graph.blocks.get)
            case _:
                pass
    return found
