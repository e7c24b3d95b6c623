"""Shell completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from portal.cli.root import drawbridge
from portal.cli.session import Session, command


@command(drawbridge, "completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(session: Session, shell: str) -> None:
    """Write the completion script of SHELL.

    \b
    bash:  drawbridge completion bash > ~/.local/share/bash-completion/completions/drawbridge
    zsh:   drawbridge completion zsh > "${fpath[1]}/_drawbridge"
    fish:  drawbridge completion fish > ~/.config/fish/completions/drawbridge.fish
    """
    found = get_completion_class(shell)
    if found is None:
        raise AssertionError(f"click completes no {shell}")
    session.terminal.raw(found(drawbridge, {}, "drawbridge", "_DRAWBRIDGE_COMPLETE").source())
