"""A template of the user's, filled with seed texts in Jinja's immutable sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MOST = 1 << 20
"""Characters of what a model is asked."""


class Unasked(Exception):
    """Why a template cannot be filled."""


class Asking:
    """A template that was parsed; raises Unasked where it cannot be."""

    def __init__(self, text: str) -> None:
        from jinja2 import StrictUndefined, TemplateError

        from ..chat.rendering import Sandbox  # products of texts are refused there

        self._error = TemplateError
        try:
            self._template, self._why = Sandbox(undefined=StrictUndefined).from_string(text), ""
        except TemplateError as error:
            self._template, self._why = None, f"it does not parse: {error}"

    def filled(self, values: Mapping[str, Any]) -> str:
        if self._template is None:
            raise Unasked(self._why)
        parts, size = list[str](), 0
        try:
            for part in self._template.generate(**values):
                size += len(part)
                if size > _MOST:
                    raise Unasked("it writes too much")
                parts.append(part)
        except (self._error, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise Unasked((str(error).splitlines() or [type(error).__name__])[0][:200]) from None
        return "".join(parts)
