"""The command line: `embedstore COMMAND`. Heavy imports wait until a command needs them."""

import sys
from typing import Any

import click

from api.commands import (
    ask,
    backup,
    calibrate,
    calibrate_answers,
    caption,
    clusters,
    completion,
    demo,
    doctor,
    duplicates,
    export,
    index,
    keys,
    manage,
    re_embed,
    reply,
    report,
    search,
    serve,
    summarise,
    train,
    train_head,
    translate,
    tune,
    watch,
)
from api.exit_codes import EXIT_CODES, INTERRUPTED, TERMINATED, exit_code, told
from api.output import never_fail_to_print, printable
from api.stopping import Terminated

__all__ = ["EXIT_CODES", "INTERRUPTED", "TERMINATED", "exit_code", "main"]


class _Commands(click.Group):
    """A group whose commands end in one line where an error is expected."""

    def invoke(self, context: click.Context) -> Any:
        from embedstore.errors import EmbedStoreError

        never_fail_to_print()
        try:
            return super().invoke(context)
        except KeyboardInterrupt as stopped:
            click.echo("stopped; what was stored is safe, the same command goes on there", err=True)
            sys.exit(TERMINATED if isinstance(stopped, Terminated) else INTERRUPTED)
        except EmbedStoreError as error:
            click.echo(f"error: {printable(str(error))}", err=True)
            sys.exit(exit_code(error))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=told(),
)
@click.version_option(package_name="embedstore")
def main() -> None:
    """Index photos, search them with words or pictures, and measure recall@k.

    \b
    Example:
      embedstore index ~/Pictures
      embedstore search "a dog on the beach"
    """


for command in (
    index.index,
    watch.watch,
    search.search,
    caption.caption,
    ask.ask,
    reply.reply,
    report.report,
    summarise.summarise,
    translate.translate,
    manage.info,
    manage.get,
    manage.delete,
    manage.compact,
    manage.rebuild,
    manage.index_field,
    calibrate.calibrate,
    calibrate_answers.calibrate_answers,
    tune.tune,
    duplicates.duplicates,
    clusters.clusters,
    re_embed.re_embed,
    train.train,
    train_head.train_head,
    doctor.doctor,
    export.export_encoder,
    demo.demo,
    serve.serve,
    keys.keys,
    backup.backup,
    backup.restore,
    completion.completion,
):
    completion.complete_collections(command)
    main.add_command(command)

if __name__ == "__main__":
    main()
