"""From the graph to the plan: every stage becomes a step in which nothing is left to decide.

A corpus is written once and turned into tokens once per tokenizer; an `eval`
becomes one step per model, so that each model is measured as soon as it is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TypeVar

from ..graph.blocks.arch import Arch
from ..graph.blocks.bench import Bench
from ..graph.blocks.calls import Builtin, ExactMatch, Perplexity
from ..graph.blocks.corpus import Corpus
from ..graph.blocks.eval import Eval
from ..graph.blocks.init import Init
from ..graph.blocks.optimizer import Optimizer, Settings
from ..graph.blocks.release import Release
from ..graph.blocks.tokenizer import Tokenizer
from ..graph.blocks.train import Train
from ..graph.claims import Claim
from ..graph.counts import head_dim, kv_heads
from ..graph.model import Graph
from ..graph.phases import Course
from ..graph.schema import Block
from ..graph.values import Ref
from ..units import CONTEXT
from . import course as course_of
from . import library, model
from .fingerprint import fingerprint
from .gates import gates
from .order import run_order

B = TypeVar("B", bound=Block)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A step before its inputs have fingerprints."""

    work: model.AnyWork
    inputs: dict[str, str]
    block: Block
    rank: tuple[int, ...]
    checkpoint: model.Checkpoint | None = None


def lower(graph: Graph, profile: str = "full", claims: Sequence[Claim] = ()) -> model.Plan:
    """The plan of a graph that was found sound; claims that need a run become gates."""
    drafts = _Lowering(graph).drafts()
    order = run_order(
        {name: d.inputs for name, d in drafts.items()}, {name: d.rank for name, d in drafts.items()}
    )
    steps: list[model.Step] = []
    prints: dict[str, str] = {}
    for address in order:
        draft = drafts[address]
        prints[address] = fingerprint(draft.work, {role: prints[name] for role, name in draft.inputs.items()})
        steps.append(
            model.Step(
                address=address,
                fingerprint=prints[address],
                inputs=draft.inputs,
                work=draft.work,
                checkpoint=draft.checkpoint,
                origin=_origin(draft.block),
            )
        )
    name = graph.pipeline.address
    return model.Plan(
        lehr=version("lehr"),
        pipeline=name,
        profile=profile,
        run=graph.pipeline.runs or f"runs/{name}/{profile}",
        store=graph.pipeline.store,
        steps=tuple(steps),
        gates=gates(graph, claims),
    )


def _origin(block: Block) -> model.Origin:
    span = block.header
    return model.Origin(path=span.source.path, line=span.line, column=span.column)


@dataclass
class _Lowering:
    graph: Graph
    found: dict[str, _Draft] = field(default_factory=dict[str, _Draft])

    def drafts(self) -> dict[str, _Draft]:
        for block in self.graph.blocks.values():
            match block:
                case Init():
                    self._init(block)
                case Train():
                    self._train(block)
                case Eval():
                    self._eval(block)
                case Release():
                    self._release(block)
                case _:
                    pass
        return self.found

    def _add(
        self,
        address: str,
        block: Block,
        work: model.AnyWork,
        inputs: dict[str, str],
        checkpoint: model.Checkpoint | None = None,
        after: Block | None = None,
    ) -> str:
        places = list(self.graph.blocks)
        rank = (places.index((after or block).address), int(after is not None), places.index(block.address))
        self.found.setdefault(address, _Draft(work, inputs, block, rank, checkpoint))
        return address

    def _rng(self, own: int | None) -> int:
        return self.graph.pipeline.rng if own is None else own

    # ---- data ------------------------------------------------------------------------

    def _corpus(self, name: str) -> str:
        block = self._block(Ref(name, "corpus"), Corpus)
        assert isinstance(block.source, Builtin)
        generated = block.source.name == "skills"
        work = model.CorpusWork(
            builtin=block.source.name,  # pyright: ignore[reportArgumentType]
            library="" if generated else library.digest(),
            wrong=block.source.wrong,
            rng=self.graph.pipeline.rng if generated else 0,
        )
        return self._add(name, block, work, {})

    def _tokenizer(self, ref: Ref) -> str:
        block = self._block(ref, Tokenizer)
        work = model.TokenizerWork(
            vocab=block.vocab,
            specials=block.specials,
            split_digits=block.digits == "split",
            sample=block.sample,
        )
        inputs = {f"corpus:{source.address}": self._corpus(source.address) for source in block.sources}
        return self._add(ref.address, block, work, inputs)

    def _tokens(self, corpus: str, tokenizer: Ref) -> str:
        inputs = {"corpus": self._corpus(corpus), "tokenizer": self._tokenizer(tokenizer)}
        block = self._block(Ref(corpus, "corpus"), Corpus)
        return self._add(f"{tokenizer.address}({corpus})", block, model.TokenizeWork(), inputs)

    # ---- models ----------------------------------------------------------------------

    def _init(self, block: Init) -> str:
        arch = self._block(block.arch, Arch)
        work = model.InitWork(arch=lower_arch(arch), std=float(block.std), rng=self._rng(block.rng))
        return self._add(block.address, block, work, {"tokenizer": self._tokenizer(block.tokenizer)})

    def _train(self, block: Train) -> str:
        course = self.graph.derived.course(block)
        tokenizer = self.graph.derived.lineage.tokenizer(block.ref)
        assert course is not None
        assert tokenizer is not None
        phases = course_of.phases(course, self.graph)
        work = model.TrainWork(
            phases=phases,
            lr=self._lr(block, course),
            optimizer=self._optimizer(block.optimizer),
            average=course_of.average(block.average, course),
            rng=self._rng(block.rng),
            earlier=sum(isinstance(one, Train) for one in self.graph.derived.lineage.of(block.origin)),
        )
        corpora = sorted({name for phase in phases for name in phase.shares})
        inputs = {"model": _address(block.origin)}
        inputs |= {f"tokens:{name}": self._tokens(name, tokenizer.ref) for name in corpora}
        saves = block.checkpoint
        checkpoint = model.Checkpoint(every=course.interval(saves.every), keep=saves.keep) if saves else None
        return self._add(block.address, block, work, inputs, checkpoint)

    def _lr(self, block: Train, course: Course) -> tuple[model.Segment, ...]:
        laid = self.graph.derived.pieces(block.lr, course)
        return tuple(
            model.Segment(
                start=int(piece.start),
                end=int(piece.end),
                first=float(piece.first),
                last=float(piece.last),
                via=piece.via,  # pyright: ignore[reportArgumentType]
            )
            for piece in laid
            if piece.end > piece.start and piece.start < course.steps
        )

    def _optimizer(self, wanted: Ref | Settings | None) -> model.AdamW:
        given = self._block(wanted, Optimizer) if isinstance(wanted, Ref) else wanted
        fields = Settings.model_fields
        betas = given.betas if given else fields["betas"].default
        return model.AdamW(
            betas=(float(betas[0]), float(betas[1])),
            eps=float(given.eps if given else fields["eps"].default),
            decay=float(given.decay if given else fields["decay"].default),
            clip=float(given.clip) if given and given.clip is not None else None,
        )

    # ---- what comes after -------------------------------------------------------------

    def _eval(self, block: Eval) -> None:
        benches = {ref.address: self._block(ref, Bench) for ref in block.benches}
        for ref in block.of:
            tokenizer = self.graph.derived.lineage.tokenizer(ref)
            assert tokenizer is not None
            inputs = {"model": _address(ref), "tokenizer": self._tokenizer(tokenizer.ref)}
            for bench in benches.values():
                corpus = _corpus_of(bench.suite)
                role = "tokens" if isinstance(bench.suite, Perplexity) else "corpus"
                inputs[f"{role}:{corpus}"] = (
                    self._tokens(corpus, tokenizer.ref) if role == "tokens" else self._corpus(corpus)
                )
            last = ref == block.of[-1]
            work = model.EvalWork(
                benches={name: self._bench(bench) for name, bench in benches.items()},
                continuations=_continuations(block) if last else None,
                rng=self._rng(block.rng),
            )
            self._add(
                f"{block.address}({_address(ref)})",
                block,
                work,
                inputs,
                after=self.graph.blocks[_address(ref)],
            )

    def _bench(self, bench: Bench) -> model.Perplexity | model.ExactMatch:
        suite = bench.suite
        if isinstance(suite, Perplexity):
            context = bench.context or self._longest()
            return model.Perplexity(corpus=_corpus_of(suite), context=context, sequences=suite.sequences)
        assert isinstance(suite, ExactMatch)
        return model.ExactMatch(corpus=_corpus_of(suite), questions=suite.questions, max_new=suite.max_new)

    def _longest(self) -> int:
        lines = (self.graph.derived.context(stage) for stage in self.graph.of(Train))
        values = [value for line in lines if line for value, _ in line.values if value.dims == CONTEXT]
        return max((int(value.value) for value in values), default=1024)

    def _release(self, block: Release) -> None:
        tokenizer = self.graph.derived.lineage.tokenizer(block.model)
        assert tokenizer is not None
        inputs = {"model": _address(block.model), "tokenizer": self._tokenizer(tokenizer.ref)}
        self._add(block.address, block, model.ReleaseWork(format="safetensors"), inputs)

    def _block(self, ref: Ref, kind: type[B]) -> B:
        found = self.graph.blocks[ref.address]
        assert isinstance(found, kind)
        return found


def _address(model: object) -> str:
    """The block of a model; `unbuilt` has refused everything but a plain name."""
    assert isinstance(model, Ref)
    return model.address


def _corpus_of(suite: object) -> str:
    assert isinstance(suite, Perplexity | ExactMatch)
    return _address(suite.corpus)


def lower_arch(arch: Arch) -> model.Arch:
    """The shape with its defaults filled in."""
    return model.Arch(
        layers=arch.layers,
        width=arch.width,
        heads=arch.heads,
        kv_heads=kv_heads(arch),
        head_dim=head_dim(arch),
        ffn=arch.ffn,
        vocab=arch.vocab,
        rope=float(arch.rope),
        tied=arch.tied,
        norm_eps=float(arch.norm_eps),
    )


def _continuations(block: Eval) -> model.Continuations | None:
    wanted = block.continuations
    if wanted is None:
        return None
    return model.Continuations(
        prompts=wanted.prompts, max_new=wanted.max_new, temperature=float(wanted.temperature)
    )
