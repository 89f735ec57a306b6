"""BRK101 release-removed."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.release import Release
from ..pair import Pair
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("BRK101", "release-removed", breaks="RELEASE")
def release_removed(pair: Pair, spec: Spec) -> Findings:
    """A release that is no longer there.

    ## What it finds
    Releases of the spec as it was that the spec as it is does not write; one that is called otherwise
    is gone, too.

    ## Why it matters
    Others load `<run>/release/<name>`. They find nothing there after the next run.

    ## Before
    ```lehr
    release best { model = grown }
    ```

    ## Example
    ```lehr
    release better { model = grown }
    ```

    ## Instead
    ```lehr
    release best   { model = grown }
    release better { model = grown }
    ```
    """
    for old in pair.before.graph.of(Release):
        if spec.get(old.address, Release) is None:
            now = pair.names.get(old.address)
            help = (f"write both: `release {old.address}` and `release {now}`",) if now else ()
            headline = f"`{old.address}` is no longer released"
            also = (Label(old.header, "it was released here"),)
            yield finding(spec.graph.pipeline.header, headline, also=also, help=help, stage=old.address)
