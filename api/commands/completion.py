"""`embedstore completion`, and what completes the name of a collection."""

from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

PROGRAM, VARIABLE = "embedstore", "_EMBEDSTORE_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and collections in a shell.

    \b
    Example:
      eval "$(embedstore completion bash)"      # in ~/.bashrc; zsh in ~/.zshrc
      embedstore completion fish > ~/.config/fish/completions/embedstore.fish
    """
    kind = get_completion_class(shell)
    if kind is None:  # click names these three, a plug-in may take one away
        raise click.UsageError(f"this version of click completes nothing in {shell}")
    click.echo(kind(context.find_root().command, {}, PROGRAM, VARIABLE).source())


class CollectionName(click.types.StringParamType):
    """The name of a collection, completed from the store that the line names."""

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem[Any]]:
        """List the names that go on from what was typed; none where there is no store."""
        import embedstore
        from embedstore.errors import EmbedStoreError

        place, folder = ctx.params.get("store"), ctx.params.get("index_folder")
        if place is None:
            return []
        try:
            with embedstore.open(place, folder=folder, must_exist=True) as store:
                names = [each.name for each in store.collections()]
        except EmbedStoreError:  # a shell that completes has no place for an error
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def complete_collections(command: click.Command) -> None:
    """Let a command complete the collections that it takes."""
    for each in command.params:
        if each.name == "collection":
            each.type = CollectionName()
