"""Look for copies, cuts and wrong labels in a data set."""

import argparse
from pathlib import Path

from edge_runtime.command import DONE, Parser
from edge_runtime.errors import LeukoliteError, reason, show
from train.commands import tell


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register this command."""
    audit = commands.add_parser("audit", help="which images show the same cell, what splits cut, what is mislabelled")
    audit.add_argument("--data", required=True, metavar="DIR", help="all splits of a data set, or a folder of images")
    audit.add_argument("--out", required=True, type=Path, metavar="DIR", help="for groups.csv, audit.json, audit.html")
    audit.add_argument("--originals", metavar="DIR", help="the photographs it was made from (default: Kaggle's)")
    audit.set_defaults(call=_audit)


def _audit(args: argparse.Namespace) -> int:
    """Audit a data set; prints what was found."""
    try:
        from train.audit.command import audit_data
    except ImportError as error:
        raise LeukoliteError(
            expected="OpenCV", found=reason(error), remedy="pip install 'leukolite[audit]', or -e '.[audit]' here"
        ) from error

    audit = audit_data(args.data, args.out, originals=args.originals)
    for finding in audit.unreadable:
        tell(f"{show(finding.image.name)}: {finding.error}")
    for line in audit.lines():
        print(line)
    return DONE
