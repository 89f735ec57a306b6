"""The lines that a run says on the screen, by its events."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from lehr.cli.progress import Screen


@pytest.mark.parametrize("quiet", [False, True])
def test_prompts_that_a_student_cannot_answer_are_told_even_to_the_quiet(
    capsys: pytest.CaptureFixture[str], quiet: bool
):
    plan = cast("Any", SimpleNamespace(steps=[SimpleNamespace(address="echo")]))
    facts = {"count": 1200, "of": 5000, "longest": 96}
    with Screen(plan, colour=False, quiet=quiet) as screen:
        screen(SimpleNamespace(step="echo", event="left_out_prompts", facts=facts))
    said = capsys.readouterr().err
    assert said == "     Warning echo  1 200 of 5 000 prompts are longer than 96 tokens and are left out\n"
