"""`cluster`: where a plan would run, and what that costs."""

from fractions import Fraction
from typing import Annotated, ClassVar

from pydantic import Field

from ...units import Quantity
from ..schema import Block, Holds, Schema
from .trained import Parallel


class Mesh(Parallel):
    """A layout for stages that set none of their own; of several, the first whose `context` reaches far enough."""

    context: Annotated[int | None, Holds(kind="context")] = Field(
        None, description="The longest context that it is for. Default: any."
    )


class Cluster(Block):
    """Devices of one type, with their memory, network and price."""

    kind: ClassVar[str] = "cluster"
    steps_within: ClassVar[dict[str, type[Schema]]] = {"mesh": Mesh}

    device: Annotated[str, Holds(text=True)] = Field(description="The device's name: `H100-SXM`.")
    count: Annotated[int, Holds(kind="count")] = Field(description="How many.", ge=1)
    memory: Annotated[int | None, Holds(kind="bytes")] = Field(
        None, description="Memory of one device. Default: what the device is known to have.", ge=1
    )
    interconnect: Annotated[Quantity | None, Holds(kind="bandwidth")] = Field(
        None, description="Bandwidth between two devices: `400GB / 1s`."
    )
    price: Annotated[Quantity | None, Holds(kind="price")] = Field(
        None, description="Of one device: `2.50USD / 1h`."
    )
    utilisation: Annotated[Fraction, Holds(kind="ratio")] = Field(
        Fraction(4, 10), description="Share of the peak FLOPs that training reaches (MFU).", gt=0, le=1
    )
    steps: Annotated[tuple[Schema, ...], "in the order written"] = Field((), description="The meshes.")
