"""`cluster`: where a plan would run, and what that costs."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ...units import Quantity
from ..field import field
from ..schema import Block, Holds, Schema
from .trained import Parallel


class Mesh(Parallel):
    """A layout for stages that set none of their own; of several, the first whose `context` reaches far enough."""

    context: Annotated[int | None, Holds(kind="context")] = field(
        None, description="The longest context that it is for. Default: any."
    )


class Cluster(Block):
    """Devices of one type, with their memory, network and price."""

    kind: ClassVar[str] = "cluster"
    steps_within: ClassVar[dict[str, type[Schema]]] = {"mesh": Mesh}

    device: Annotated[str, Holds(text=True)] = field(description="The device's name: `H100-SXM`.")
    count: Annotated[int, Holds(kind="count")] = field(description="How many.", ge=1)
    memory: Annotated[int | None, Holds(kind="bytes")] = field(
        None, description="Memory of one device. Default: what the device is known to have.", ge=1
    )
    interconnect: Annotated[Quantity | None, Holds(kind="bandwidth")] = field(
        None, description="Bandwidth between two devices: `400GB / 1s`."
    )
    price: Annotated[Quantity | None, Holds(kind="price")] = field(
        None, description="Of one device: `2.50USD / 1h`."
    )
    utilisation: Annotated[Fraction, Holds(kind="ratio")] = field(
        Fraction(4, 10), description="Share of the peak FLOPs that training reaches (MFU).", gt=0, le=1
    )
    steps: Annotated[tuple[Schema, ...], "in the order written"] = field((), description="The meshes.")
