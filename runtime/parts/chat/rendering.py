"""Render chat templates in Jinja's immutable sandbox: what this module does alone in a process of its own.

`python -m lehr.runtime.parts.chat.rendering` reads one request a line and writes one reply a line.  It may
take so much memory, and so many seconds for a line, that a template cannot harm the run that asked; it
imports nothing heavy.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .marks import ANSWER, ANSWERED, Content, content

SECONDS = 5
"""Of computing that one conversation may take, unless `LEHR_TEMPLATE_SECONDS` says otherwise."""
BYTES = 1 << 30
"""That the process may hold."""
MOST_TEXT = 32 << 20
"""Characters of a rendered conversation."""
_TODAY = "26 Jul 2024"
"""What a template is told of the date: nothing here reads the clock."""


class Failed(Exception):
    """A template that did not render: `how` is `syntax`, `unsafe`, `refused` (it says so itself) or `failed`."""

    def __init__(self, how: str, why: str, line: int | None = None) -> None:
        super().__init__(why)
        self.how, self.why, self.line = how, why, line


class _Generation(Extension):
    """`{% generation %} … {% endgeneration %}` marks what the assistant generates, as transformers has it."""

    tags: ClassVar[set[str]] = {"generation"}  # pyright: ignore[reportIncompatibleVariableOverride]

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        ends = (nodes.Output([nodes.TemplateData(mark)], lineno=line) for mark in (ANSWER, ANSWERED))
        first, last = ends
        return nodes.Scope([first, *body, last], lineno=line)


class _Refused(TemplateError):
    """What a template raises by itself."""


class Sandbox(ImmutableSandboxedEnvironment):
    """Products and powers of anything but small numbers are refused: `'x' * 10**10` takes all memory."""

    intercepted_binops = frozenset(("*", "**"))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        small = all(isinstance(one, int | float) and abs(one) < 1 << 31 for one in (left, right))
        if not small or (operator == "**" and abs(right) > 64):
            raise SecurityError(f"`{operator}` of texts or large numbers")
        return super().call_binop(context, operator, left, right)


Render = Callable[[Sequence[Mapping[str, str]], bool, Mapping[str, str]], str]
"""Messages, whether an answer is begun, and the special tokens by name, as a text with marks."""


def compiled(text: str) -> Render:
    """A template ready to render; raises Failed."""
    sandbox = Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
    sandbox.filters |= {"trim": _trim, "tojson": _as_json}
    sandbox.globals |= {"raise_exception": _raise, "strftime_now": lambda _: _TODAY}
    try:
        template = sandbox.from_string(text)
    except TemplateSyntaxError as error:
        raise Failed("syntax", str(error.message), error.lineno) from None
    except Exception as error:
        raise Failed("syntax", _brief(error)) from None

    def render(messages: Sequence[Mapping[str, str]], is_open: bool, special: Mapping[str, str]) -> str:
        said = [{"role": one["role"], "content": content(one["content"])} for one in messages]
        try:
            parts = template.generate(
                messages=said, add_generation_prompt=is_open, tools=None, documents=None, **special
            )
            return _bounded(parts)
        except SecurityError as error:
            raise Failed("unsafe", f"tries what the sandbox forbids: {_brief(error)}") from None
        except _Refused as error:
            raise Failed("refused", _brief(error)) from None
        except (MemoryError, RecursionError, OverflowError) as error:
            raise Failed("unsafe", f"takes more than it may: {type(error).__name__}") from None
        except Failed:
            raise
        except Exception as error:
            raise Failed("failed", _brief(error)) from None

    return render


def _bounded(parts: Any) -> str:
    found, size = list[str](), 0
    for part in parts:
        size += len(part)
        if size > MOST_TEXT:
            raise Failed("unsafe", f"makes more than {MOST_TEXT >> 20} million characters of a conversation")
        found.append(part)
    return "".join(found)


def _trim(value: Any, chars: str | None = None) -> str:
    return value.strip(chars) if isinstance(value, Content) else str(value).strip(chars)


def _as_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise(why: Any) -> NoReturn:
    raise _Refused(str(why))


def _brief(error: BaseException) -> str:
    """The first line, of bounded length, without the marks of a content."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return "".join(one for one in first if not "\ufdd0" <= one <= "\ufdd4")[:200]


# ---- a process of its own ----------------------------------------------------------------


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # no such limits on this system
        return
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))


def _limit_time() -> None:
    """A few more seconds from now on; beyond them the system ends the process."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    allowed = int(os.environ.get("LEHR_TEMPLATE_SECONDS", SECONDS))
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + allowed, hard))


def serve() -> None:
    """The template comes first, as a line of its own; then conversations, until the line is closed."""
    _limit_memory()
    _limit_time()
    render: Render | None = None
    for line in sys.stdin.buffer:
        _limit_time()
        try:
            asked = json.loads(line)
            if render is None:
                render = compiled(asked)
                reply: dict[str, Any] = {"text": ""}
            else:
                reply = {"text": render(asked["messages"], asked["open"], asked["special"])}
        except Failed as failed:
            reply = {"how": failed.how, "why": failed.why, "line": failed.line}
        except (MemoryError, RecursionError):
            reply = {"how": "unsafe", "why": "takes more memory than it may", "line": None}
        sys.stdout.buffer.write(json.dumps(reply).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve()
