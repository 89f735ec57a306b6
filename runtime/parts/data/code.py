"""The corpus `code`: the sources of the Python library, one document a module."""

from __future__ import annotations

from .documents import Document, Split, without_copies
from .modules import is_held_out, module_sources


def code() -> Split:
    documents = without_copies(Document(name, text) for name, text in module_sources() if text.strip())
    return Split(
        train=tuple(document for document in documents if not is_held_out(document.id)),
        heldout=tuple(document for document in documents if is_held_out(document.id)),
    )
