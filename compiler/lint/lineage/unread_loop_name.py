"""LIN203 unread-loop-name."""

from ...front import ast
from ..rule import Findings, finding, rule
from ..spec import Spec, names_in, walk


@rule("LIN203", "unread-loop-name")
def unread_loop_name(file: ast.File, spec: Spec) -> Findings:
    """A loop whose turns are all the same.

    ## What it finds
    An `each`, or a `repeat` that carries nothing, whose variable no statement of its body reads; and
    a carried name that is never read.

    ## Why it matters
    Every turn then makes the same thing from the same seed: eight replicas that draw one sample
    (vllm #11953), three policies of one run.

    ## Example
    ```lehr
    each run for number in [1, 2] {
      init other { arch = small;  tokenizer = words }
    }
    ```

    ## Instead
    ```lehr
    each run for number in [1, 2] {
      init other { arch = small;  tokenizer = words;  rng = number }
    }
    ```
    """
    for loop in walk(file.body):
        if not isinstance(loop, ast.Each | ast.Repeat):
            continue
        read = set(names_in(loop.body))
        carried = loop.carries if isinstance(loop, ast.Repeat) else ()
        nexts = {part.name.text for part in loop.body if isinstance(part, ast.Next)}
        if not carried and loop.variable.text not in read:
            headline = f"every turn of `{loop.name.text}` makes the same"
            yield finding(loop.variable.span, headline, f"nothing reads `{loop.variable.text}`")
        for one in carried:
            # `next policy = …` names what it carries, and does not read it.
            inside = {name for part in loop.body for name in _read_by(part)}
            if (
                one.name.text in nexts
                and one.name.text not in inside
                and not _is_result(loop, one.name.text, file)
            ):
                yield finding(one.name.span, f"no turn of `{loop.name.text}` reads `{one.name.text}`")


def _read_by(statement: ast.Statement) -> set[str]:
    return set(names_in(statement.value if isinstance(statement, ast.Next) else statement))


def _is_result(loop: ast.Repeat | ast.Each, name: str, file: ast.File) -> bool:
    """Whether what a loop carries is read after it: `post.policy`."""
    return any(
        isinstance(one, ast.Member)
        and one.name.text == name
        and isinstance(one.of, ast.Name)
        and one.of.text == loop.name.text
        for one in walk(file.body)
    )
