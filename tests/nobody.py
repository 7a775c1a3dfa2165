"""What a user without rights meets, also where the tests run as root, whom no permission stops."""

import os
from collections.abc import Callable

from edge_runtime.errors import LeukoliteError

NOBODY = 65534


def as_nobody(work: Callable[[], object]) -> str:
    """What the LeukoliteError says that `work` raises in a process without rights; '' when it raises none."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:  # never back into pytest
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
            try:
                work()
            except LeukoliteError as error:
                os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return said
