"""`govcloud completion`: what a shell needs to complete commands, kinds, entries, fields and runs."""

from __future__ import annotations

import click

from .common import emit, json_option

VARIABLE = "_GOVCLOUD_COMPLETE"
WHERE = {
    "bash": "~/.local/share/bash-completion/completions/govcloud",
    "zsh": "a folder of $fpath, as _govcloud",
    "fish": "~/.config/fish/completions/govcloud.fish",
}
# Bash puts a blank after a word that is the only one; after these another word follows at once.
_NO_BLANK = """
_govcloud_open_end() {
    _govcloud_completion "$@"
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] ]]; then
        compopt -o nospace
    fi
}
complete -o nosort -F _govcloud_open_end govcloud
"""


@click.command()
@click.argument("shell", type=click.Choice(list(WHERE)))
@json_option
@click.pass_context
def completion(ctx: click.Context, shell: str, as_json: bool) -> None:
    """Print the completion script of a shell.

    Try it with `source <(govcloud completion bash)`; to keep it, write it where the shell looks.
    """
    from click.shell_completion import get_completion_class

    class_ = get_completion_class(shell)
    assert class_ is not None
    script = class_(ctx.find_root().command, {}, "govcloud", VARIABLE).source()
    if shell == "bash":
        script += _NO_BLANK
    if as_json:
        emit({"shell": shell, "script": script, "where": WHERE[shell]})
    else:
        click.echo(script)
