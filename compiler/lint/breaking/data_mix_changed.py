"""BRK202 data-mix-changed."""

from collections.abc import Iterator

from ...diagnostics.diagnostic import Label
from ...graph.blocks.mix import Mix
from ...graph.blocks.trained import Trained
from ...graph.same import plain, shares
from ...graph.schema import references
from ..pair import Pair
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("BRK202", "data-mix-changed", breaks="WEIGHTS")
def data_mix_changed(pair: Pair, spec: Spec) -> Findings:
    """A stage that learns from other data, or from other shares of them.

    ## What it finds
    Stages whose `data` names something else than it did, or whose mixes -- those inside mixes, too --
    give a corpus another share.

    ## Why it matters
    The diet decides what a model knows. A change of it is easily lost among others, and hard to find
    again in a benchmark.

    ## Before
    ```lehr
    mix sweet { web = 90%;  code = rest }
    train last { from = grown;  data = sweet;  tokens = 1M;  batch = 4Ki;  lr = 1e-4 }
    ```

    ## Example
    ```lehr
    mix sweet { web = 80%;  code = rest }
    train last { from = grown;  data = sweet;  tokens = 1M;  batch = 4Ki;  lr = 1e-4 }
    ```

    ## Instead
    ```lehr
    mix sweet { code = 10%;  web = 90% }
    train last { from = grown;  data = sweet;  tokens = 1M;  batch = 4Ki;  lr = 1e-4 }
    ```
    """
    for old, new in pair.stages():
        if plain(old.reads, pair.names) != plain(new.reads):
            also = (Label(old.span("data"), "it was this"),)
            headline = f"`{new.address}` learns from other data"
            yield finding(new.span("data"), headline, also=also, stage=new.address)
            continue
        for before, after, corpus in _shares(pair, old, new):
            also = (Label(before.span(corpus), "it was this"),)
            headline = f"`{new.address}` gets another share of `{corpus}`"
            yield finding(after.span(corpus), headline, also=also, stage=new.address)
            break


def _shares(pair: Pair, old: Trained, new: Trained) -> Iterator[tuple[Mix, Mix, str]]:
    """The shares that are not what they were, with the mix on either side."""
    mixes = {pair.names.get(mix.address, mix.address): mix for mix in _mixes(old, pair.before)}
    for after in _mixes(new, pair.after):
        before = mixes.get(after.address)
        if before is None:
            continue
        was = {pair.names.get(name, name): plain(line) for name, line in shares(before).items()}
        now = {name: plain(line) for name, line in shares(after).items()}
        for corpus in sorted(was.keys() | now.keys(), key=lambda name: name not in now):
            if was.get(corpus) != now.get(corpus):
                yield before, after, corpus


def _mixes(stage: Trained, spec: Spec) -> Iterator[Mix]:
    """The mixes that a stage reads, those inside others too."""
    waiting, seen = [ref.address for ref in references(stage.reads)], set[str]()
    while waiting:
        mix = spec.get(waiting.pop(0), Mix)
        if mix is not None and mix.address not in seen:
            seen.add(mix.address)
            yield mix
            waiting += mix.shares
