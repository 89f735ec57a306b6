"""The process that renders a template which nobody here has read: asked a line, answering a line."""

from __future__ import annotations

import json
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from .rendering import BYTES, SECONDS, Failed


class Child:
    """Lives until it is forgotten; one that dies of a template is started anew for the next conversation."""

    def __init__(self, template: str) -> None:
        self._template = template
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(
        self, messages: Sequence[Mapping[str, str]], is_open: bool, special: Mapping[str, str]
    ) -> str:
        if self._process is None:
            self._start()
        return self._asked({"messages": list(messages), "open": is_open, "special": dict(special)})

    def _start(self) -> None:
        command = [sys.executable, "-m", f"{__package__}.rendering"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        weakref.finalize(self, _end, self._process)
        self._asked(self._template)

    def _asked(self, what: Any) -> str:
        assert self._process
        given, said = self._process.stdin, self._process.stdout
        assert given
        assert said
        try:
            given.write(json.dumps(what).encode() + b"\n")
            given.flush()
            line = said.readline()
        except OSError:
            line = b""
        if not line.endswith(b"\n"):
            _end(self._process)
            self._process = None
            limits = f"{SECONDS} seconds or {BYTES >> 20} MiB"
            raise Failed("unsafe", f"takes more than the {limits} that one conversation may")
        reply = json.loads(line)
        if "why" in reply:
            raise Failed(reply["how"], reply["why"], reply["line"])
        return reply["text"]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
