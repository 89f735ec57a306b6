"""Where models compute: a GPU where there is one, else the CPU, or what `--device` names."""

from __future__ import annotations

from ..errors import Refusal


def chosen(name: str | None = None) -> str:
    """The device of this name, or the first GPU, or the CPU.  Refused where this process sees no such device."""
    if name == "cpu":
        return name
    import torch  # takes a second: reading a run's ledger goes without

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name is None:
        return "cuda" if count else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= count:
        seen = f"{count} GPU{'' if count == 1 else 's'}" if count else "no GPU"
        raise Refusal(
            "RUN161",
            "no-such-device",
            f"there is no device `{name}` here",
            notes=(f"torch {torch.__version__} sees {seen}",),
            help=("leave `--device` out, or name one that is here, such as `cpu`",),
        )
    return name
