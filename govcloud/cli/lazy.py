"""Groups of commands that are imported only when they are typed."""

from __future__ import annotations

import importlib
from typing import ClassVar

import click
from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """A group whose ``TABLE`` says: command -> (module in this package, what it is for).

    The module holds a click command of the same name; dashes become underscores. Help and completion need
    the table alone.
    """

    TABLE: ClassVar[dict[str, tuple[str, str]]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.TABLE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.TABLE:
            return None
        module = importlib.import_module(f".{self.TABLE[cmd_name][0]}", __package__)
        name = cmd_name.replace("-", "_")
        # One that is called as something of Python's own (`list`) has a `_` behind it there.
        command = getattr(module, name, None) or getattr(module, f"{name}_")
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        # A completion of what is half typed has nobody to tell an error to.
        if ctx.resilient_parsing and args and args[0] not in self.TABLE:
            return None, None, args
        if args and args[0] not in self.TABLE and not args[0].startswith("-"):
            from .common import nearest

            guess = nearest(args[0], self.TABLE)
            hint = f" Did you mean {guess!r}?" if guess else ""
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # As with help: the table is enough.
        items = [CompletionItem(name, help=doc) for name, (_, doc) in self.TABLE.items()]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [item for item in items if item.value.startswith(incomplete)] + options

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # The table has the sentences, so help needs no module of any command.
        with formatter.section("Commands"):
            formatter.write_dl([(name, doc) for name, (_, doc) in self.TABLE.items()])
