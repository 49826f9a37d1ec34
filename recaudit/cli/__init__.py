"""The command line: a table of commands, each loaded when called, and the one place where errors end."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module

import click

from recaudit import __version__
from recaudit.errors import ExitCode, RecauditError

COMMANDS = {
    "ingest": "Scan a checkpoint, run it on data, store the audit.",
    "train": "Train a sparse autoencoder on a model in the audit.",
    "sweep": "Train many, over a grid of settings, and compare what each keeps.",
    "report": "Analyse a model and report: terminal, JSON, Markdown.",
    "init": "Declare an audit of your files: a commented TOML for run.",
    "run": "Do everything a declared audit still lacks, and report.",
    "models": "List the models in an audit.",
    "latents": "List latents; or a latent's items, an item's or a user's latents.",
    "cav": "Concept activation vectors: what the item vectors hold, and what ratings say to it.",
    "profile": "One user: what the model makes of them, what they watched, how they rated it.",
    "bias": "Popularity and group bias: of lists, of ranking quality, of latents.",
    "concepts": "Concepts the latents cover or miss; a concept's latents, a latent's concepts.",
    "label": "Name latents, and put each name on trial beside its controls.",
    "labels": "Names of latents: list, edit, rate, exchange.",
    "tui": "Look through an audit in the terminal: latents, concepts, users, items.",
    "latent": "One page about a latent: names, items, concepts, neighbours, effect.",
    "steer": "Try edits of latents or directions: what lists become, and what it costs.",
    "tune": "Turn concepts up and down by their latents; count their places in lists.",
    "promote": "Set latents of an item and see whose lists it enters.",
    "debias": "Find the cheapest edit against popularity, a concept or a group difference.",
    "gate": "Check a policy on a model; the exit code is the verdict, for CI.",
    "bless": "Make a model the baseline that gates compare others with.",
    "diff": "What changed between two models: numbers, concepts, lists, latents.",
    "recommend": "A user's recommendations.",
    "explain": "Split a score over latents, bias and SAE error.",
    "metrics": "List every metric with definition and source.",
    "export-sae": "Write a model's sparse autoencoder for SAELens, or for recaudit.",
    "scan": "Check files for code, lies and bombs; run nothing.",
    "sql": "Query an audit file.",
    "migrate": "Bring an audit file of an older release to this one's tables.",
    "doctor": "Versions, paths, devices: what a bug report needs.",
}
"""Command to its one line of help; the module of that name, with ``_`` for ``-``, is imported only when the
command runs."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(import_module(f"recaudit.cli.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, "-V", "--version", prog_name="recaudit")
@click.option(
    "--config", type=click.Path(dir_okay=False), help="Settings file (default: the nearest recaudit.toml)."
)
@click.option("-q", "--quiet", is_flag=True, help="Keep stderr to errors.")
@click.pass_context
def recaudit(ctx: click.Context, config: str | None, quiet: bool) -> None:
    """Open a trained recommender, see what it learned, and stop a bad model in CI.

    Start with `recaudit ingest CHECKPOINT --data PATH`, then `recaudit report`.
    """
    from recaudit.cli.settings import defaults

    ctx.default_map = defaults(config, ctx.invoked_subcommand)


def main() -> None:
    """Run the command line and exit with a documented code."""
    # Two OpenMP pools spinning against each other make small matrix work several times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    sys.exit(run_line(sys.argv[1:]))


def run_line(arguments: list[str]) -> int:
    """Run one command line; returns its exit code and never raises."""
    try:
        result = recaudit.main(
            arguments, prog_name="recaudit", standalone_mode=False, auto_envvar_prefix="RECAUDIT"
        )
    except RecauditError as error:
        return _say(error.message, error.fix, error.exit_code)
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        return _say("interrupted; nothing half-written was kept", "", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output left (`recaudit … | head`): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception:  # noqa: BLE001 - the last line of defence: a bug must not look like a failed gate
        traceback.print_exc()
        return _say(
            "this is a bug in recaudit",
            "please report it with the lines above and `recaudit doctor`",
            ExitCode.INTERNAL,
        )
    return int(result) if isinstance(result, int) else ExitCode.OK


def _say(message: str, fix: str, code: ExitCode) -> int:
    click.echo(f"error: {message}", err=True)
    if fix:
        click.echo(f"  fix: {fix}", err=True)
    return code
