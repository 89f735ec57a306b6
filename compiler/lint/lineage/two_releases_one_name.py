"""LIN106 two-releases-one-name."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.release import Release
from ...graph.model import Graph
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("LIN106", "two-releases-one-name")
def two_releases_one_name(graph: Graph, spec: Spec) -> Findings:
    """Two releases that would be written to one folder.

    ## What it finds
    Releases whose names differ only in upper and lower case.

    ## Why it matters
    On the file systems of macOS and Windows they are one folder, and the second release replaces
    the first.

    ## Example
    ```lehr
    release best { model = grown }
    release Best { model = grown }
    ```

    ## Instead
    ```lehr
    release best { model = grown }
    release base { model = grown }
    ```
    """
    seen: dict[str, Release] = {}
    for release in graph.of(Release):
        first = seen.setdefault(release.address.lower(), release)
        if first is not release:
            also = (Label(first.header, "the other one"),)
            headline = f"`{first.address}` and `{release.address}` are one folder on many file systems"
            yield finding(release.header, headline, also=also, stage=release.address)
