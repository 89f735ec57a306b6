"""The face: the only part that knows both the compiler and the runtime.

One file per verb, each loaded only when it is called.  Exit codes: 0 all is
well, 1 the spec is wrong, 2 the command is wrong, 3 Lehr is wrong, 4 there is
work to do (`plan --exit-code`), 5 a stage failed, 6 a gate was not met,
130 interrupted.
"""

from .door import main

__all__ = ["main"]
