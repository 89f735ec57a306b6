"""SHP113 load-unlike-arch."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.arch import Arch
from ...graph.blocks.load import Load
from ...graph.counts import shape
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec
from ..unlike import unlike

_UNTOLD = ("qkv_bias", "qk_norm", "norms", "every", "shared_ffn")
"""What a `config.json` leaves to the model's code."""


@rule("SHP113", "load-unlike-arch")
def load_unlike_arch(load: Load, spec: Spec) -> Findings:
    """A folder whose model is not the one that the spec describes.

    ## What it finds
    A `load` with an `arch` that differs from the folder's `config.json`; and weights whose embedding
    has other rows than `config.json` says, read from the safetensors headers alone.

    ## Why it matters
    A tensor that does not fit is found when the weights are loaded; a RoPE base that differs never
    is, and the model writes nonsense from the first long text on (marin #7156, LlamaFactory #10547).

    ## Example
    ```lehr
    arch wider like small { ffn = 256 }
    load base { path = "models/short";  arch = wider }
    ```

    ## Instead
    ```lehr
    load base { path = "models/short";  arch = small }
    ```
    """
    folder, arch = spec.loaded(load), spec.get(load.arch, Arch)
    told = folder.shape
    if told is None:
        return
    if arch is not None:
        different = list(unlike(told, shape(arch), besides=_UNTOLD))
        base = (folder.config or {}).get("rope_theta")
        if isinstance(base, int | float) and float(arch.rope) != float(base):
            different.append(f"rope: {float(base):g} and {float(arch.rope):g}")
        if different:
            headline = f"`{load.path}` holds another model than `{arch.address}`"
            also = (Label(arch.header, "the spec's"),)
            yield finding(load.span("path"), headline, also=also, notes=different)
    if folder.rows is not None and folder.rows < told.vocab:
        headline = f"the weights in `{load.path}` embed {digits(folder.rows)} ids, its config says {digits(told.vocab)}"
        yield finding(load.span("path"), headline, help=("export the model again, with its whole embedding",))
