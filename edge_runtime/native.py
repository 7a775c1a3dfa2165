"""Native code: kept from writing to the user's terminal while it loads, and called by its signal where it dies."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from edge_runtime.errors import LeukoliteError


def signal_name(number: int) -> str:
    """A signal's name, such as SIGSEGV; its number where it has none."""
    from signal import Signals  # where native code ended a process, and never before

    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


@contextmanager
def hushed() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 meanwhile; it is shown only when the block fails unexpectedly.

    For command lines, while one thread runs: the descriptor belongs to the whole process.
    """
    try:
        file, saved = os.fdopen(os.memfd_create("stderr"), "w+b"), os.dup(2)
    except (OSError, AttributeError):  # standard error is closed, no descriptor is left, or this is macOS: unhushed
        yield
        return
    with file as held:
        sys.stderr.flush()
        os.dup2(held.fileno(), 2)
        try:
            yield
        except LeukoliteError:  # says in one line all that the user needs
            raise
        except Exception:  # not an interrupt, which went wrong nowhere
            held.seek(0)
            with suppress(OSError):  # its reader has gone: the error itself counts all the same
                os.write(saved, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
