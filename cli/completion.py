"""`lehr completion`: the script by which a shell completes verbs, options, specs and codes."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")
WHERE = {
    "bash": 'add to ~/.bashrc:  eval "$(lehr completion bash)"',
    "zsh": 'add to ~/.zshrc:  eval "$(lehr completion zsh)"',
    "fish": "write to ~/.config/fish/completions/lehr.fish",
}


@click.command("completion", short_help="Complete in the shell.")
@click.argument("shell", type=click.Choice(SHELLS))
def verb(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash, zsh    eval "$(lehr completion bash)" in ~/.bashrc, or zsh in ~/.zshrc
    fish         lehr completion fish > ~/.config/fish/completions/lehr.fish
    """
    from click.shell_completion import get_completion_class

    from .door import lehr

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(lehr, {}, "lehr", "_LEHR_COMPLETE").source()
    click.echo(f"# {WHERE[shell]}\n{script}")
