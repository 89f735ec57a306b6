"""A model behind an OpenAI-compatible address: chat completions, asked again a bounded number of times.

The one part of a run that uses the network, and only where the spec names an address.  Environment variables
are not looked at but for `LEHR_ENDPOINT_KEY`, which is sent as a bearer token where it is set.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from ....compiler.plan.model import Endpoint
from .. import door

SECONDS = 120.0
TRIES = 4
_PAUSE = 0.5
"""Seconds before an address is asked again; twice as many each time."""
_MOST = 16 << 20
_AGAIN = frozenset((408, 409, 425, 429, 500, 502, 503, 504))


class Unanswered(Exception):
    """An address that gives no answer; the last of what it said."""


@dataclass(frozen=True)
class Said:
    text: str
    ended: bool
    tokens: int | None


@dataclass(frozen=True)
class Client:
    endpoint: Endpoint
    seconds: float = SECONDS
    tries: int = TRIES
    pause: float = _PAUSE

    def answer(self, messages: Sequence[Mapping[str, str]], settings: Mapping[str, Any]) -> Said:
        """One answer to a conversation; raises Unanswered."""
        body = {"messages": list(messages), "n": 1, "stream": False, **settings}
        if self.endpoint.model:
            body["model"] = self.endpoint.model
        raw, why = json.dumps(body).encode(), ""
        for attempt in range(self.tries):
            if attempt:
                time.sleep(self.pause * 2 ** (attempt - 1))
            try:
                status, said = self._post(raw)
            except TimeoutError:
                why = f"said nothing for {self.seconds:g} seconds"
                continue
            except (OSError, HTTPException) as error:
                why = str(error) or type(error).__name__
                continue
            if status == 200:
                try:
                    return _said(door.decoded(said, _MOST))
                except ValueError as error:
                    why = f"sent what {error}"
                    continue
            why = f"answered {status}: {said[:200].decode(errors='replace').strip()}"
            if status not in _AGAIN:
                raise Unanswered(why)
        raise Unanswered(f"{why} ({self.tries} times)")

    def _post(self, raw: bytes) -> tuple[int, bytes]:
        place = urlsplit(self.endpoint.url)
        kind = {"http": HTTPConnection, "https": HTTPSConnection}.get(place.scheme)
        if kind is None or not place.hostname:
            raise Unanswered("is no address of http or https")
        key = os.environ.get("LEHR_ENDPOINT_KEY")
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        line = kind(place.hostname, place.port, timeout=self.seconds)
        due = time.monotonic() + self.seconds
        try:
            line.request("POST", f"{place.path.rstrip('/')}/chat/completions", raw, headers)
            reply, parts, size = line.getresponse(), list[bytes](), 0
            while part := reply.read1(1 << 16):
                parts.append(part)
                size += len(part)
                if size > _MOST or time.monotonic() > due:
                    raise TimeoutError
            if reply.length:
                raise HTTPException("sent half an answer")
            return reply.status, b"".join(parts)
        finally:
            line.close()


def _said(found: Any) -> Said:
    try:
        choice = found["choices"][0]
        text, reason = choice["message"]["content"], choice.get("finish_reason")
    except (KeyError, IndexError, TypeError):
        raise ValueError("is no chat completion") from None
    if not isinstance(text, str):
        raise ValueError("holds no text")
    usage = found.get("usage")
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
    text = text.encode("utf-8", "replace").decode()
    return Said(text, reason != "length", tokens if isinstance(tokens, int) else None)
