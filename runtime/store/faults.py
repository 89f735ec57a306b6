"""Places where a test may let the world fail.

`fault_point(name)` does nothing unless LEHR_FAULT names the point: `ledger=kill`,
`rename=enospc`, `tensors=sleep:3`, each with `@n` for the n-th time it is passed.
`step=kill:0.004` lets the process go on and kills it so many seconds later, wherever it is by then.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections import Counter
from threading import Thread

_passed: Counter[str] = Counter()


def fault_point(name: str) -> None:
    wanted = os.environ.get("LEHR_FAULT", "")
    if not wanted.startswith(name + "="):
        return
    deed, _, nth = wanted.removeprefix(name + "=").partition("@")
    _passed[name] += 1
    if _passed[name] != int(nth or 1):
        return
    if deed == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif deed.startswith("kill:"):
        Thread(target=_kill, args=(float(deed.removeprefix("kill:")),), daemon=True).start()
    elif deed == "enospc":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
    elif deed.startswith("sleep:"):
        time.sleep(float(deed.removeprefix("sleep:")))


def _kill(seconds: float) -> None:
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGKILL)
