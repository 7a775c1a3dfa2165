"""`python -m tests.completion`: write the shells' completion scripts anew, from the options as they are now."""

import argparse
from pathlib import Path

import shtab

from edge_runtime.__main__ import build_parser
from edge_runtime.options import PROG, SHELLS

FOLDER = Path(__file__).parent.parent / "edge_runtime" / "completion"

# What an argument stands for, by the first word of its name. One of another name must be added here, or take choices.
_PATHS = {
    **dict.fromkeys(("FILE", "INPUT", "MODEL", "REPORT"), shtab.FILE),
    **dict.fromkeys(("DIR", "INPUT_URI", "OUTPUT_URI"), shtab.DIRECTORY),
}
_NEITHER = {"K", "N", "S", "SPLIT", "THRESHOLD", "NUM_THREADS", "TOP_K"}


def script_path(shell: str) -> Path:
    """Where the script of a shell is kept."""
    return FOLDER / f"{PROG}.{shell}"


def scripts() -> dict[str, str]:
    """The script of each shell, by shtab from the parser."""
    parser = build_parser()
    _say_what_is_a_file(parser)
    return {shell: shtab.complete(parser, shell=shell).rstrip() + "\n" for shell in SHELLS}


def _say_what_is_a_file(parser: argparse.ArgumentParser) -> None:
    """Tell shtab which arguments of the parser and its sub-commands are files and folders."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _say_what_is_a_file(command)
        elif action.nargs != 0 and not action.choices:
            name = str(action.metavar or action.dest.upper()).partition(".")[0].partition("|")[0]
            if name not in _NEITHER:
                action.complete = _PATHS[name]


if __name__ == "__main__":
    for shell, script in scripts().items():
        script_path(shell).write_text(script, encoding="utf-8")
