"""The door: it calls the command that is asked for, and turns what goes wrong into an exit code and one line."""

from __future__ import annotations

import argparse
import os
import sys

from core.cli.arguments import parser
from core.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, or 2 for a request that cannot be met, with one line on stderr."""
    options = parser().parse_args(arguments)
    try:
        code = _perform(options)
        sys.stdout.flush()  # here, where a reader that has gone is expected
        return code
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted. Every finished epoch is kept; `python -m core resume RUN` goes on.", file=sys.stderr)
        return 130
    except (MemoryError, RuntimeError) as error:  # out of memory, above all; the run's record holds the details
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _perform(options: argparse.Namespace) -> int:
    """Each command loads what it needs, and no other's."""
    if options.command == "list":
        from core.cli.listing import command
    elif options.command == "measure":
        from core.cli.measure import command
    elif options.command == "gallery":
        from core.cli.gallery import command
    else:
        from core.cli import runs

        command = {"run": runs.run, "resume": runs.resume, "show": runs.show, "project": runs.project}[options.command]
    return command(options)
