"""The generated pages of the manual are those that the code would write now."""

from pathlib import Path

from lehr.compiler.graph.blocks import KINDS
from lehr.compiler.graph.blocks.calls import CALLS
from lehr.compiler.tools.explain import codes
from lehr.compiler.tools.manual import blocks

DOCS = Path(__file__).parent.parent / "docs"


def test_the_page_of_blocks_is_up_to_date():
    assert (DOCS / "blocks.md").read_text() == blocks(), "run `lehr export manual docs`"


def test_the_page_of_codes_is_up_to_date():
    assert (DOCS / "codes.md").read_text() == codes(), "run `lehr export manual docs`"


def test_every_field_of_every_schema_is_documented():
    silent = [
        (name, field)
        for name, schema in {**KINDS, **CALLS}.items()
        for field, (info, _) in schema.fields().items()
        if not info.description
    ]
    assert silent == []
