"""Commands of `train` in processes that may be killed, forked from one that has imported TensorFlow already.

They are what a user starts, `use_cores` and all, but for this: there is a preset `tiny`, and they tell through a pipe,
byte by byte, what they are about to do to which files. Nothing in them knows whether or when a kill will come.
"""

import multiprocessing
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.train import tiny

SETTINGS = replace(
    tiny.SETTINGS,
    network=replace(tiny.NETWORK, widths=(4, 6)),  # with dropout
    float_stage=replace(tiny.SETTINGS.float_stage, epochs=6, batch_size=4, class_prior=None),
    qat_stage=replace(tiny.SETTINGS.qat_stage, epochs=3, batch_size=4, class_prior=None),
)
EVERY = 3  # of the 8 batches of an epoch: two saves within, and one at its end
PRELOADED = ["train.stages", "train.__main__", "matplotlib.backends.backend_agg", "matplotlib.figure"]

# What is told: training begins; an image is read; a file of a checkpoint, of an epoch or of the results is touched;
# a look at held-out images begins; the results are begun; and with what status the command ended.
BEGIN, IMAGE, CHECKPOINT, EPOCH, RESULT, LOOK, FINISH, END = (bytes([letter]) for letter in b"bicerlf=")
_TOUCHES = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.listdir", "os.scandir", "shutil.rmtree")


def float_command(root: Path, out: Path, *, every: int = EVERY) -> list[str]:
    """What trains the tiny network, saving every so many batches."""
    return ["float", "--data", str(root), "--preset", "tiny", "--out", str(out), "--checkpoint-every", str(every)]


def qat_command(root: Path, run: Path, out: Path) -> list[str]:
    """What fine-tunes it."""
    return ["qat", "--data", str(root), "--run", str(run), "--out", str(out), "--checkpoint-every", str(EVERY)]


@dataclass(frozen=True)
class Kill:
    """Kill -9, `delay_s` after a process has told `what` (any of these bytes) `count` times since training began."""

    what: bytes
    count: int
    delay_s: float = 0.0

    def due(self, told: bytes) -> bool:
        """Whether that is now."""
        begun = told.partition(BEGIN)[2]
        return sum(byte in self.what for byte in begun) >= self.count


@dataclass(frozen=True)
class Ending:
    """How a process ended: its exit status (None: killed), what it said on standard error, and what it told."""

    status: int | None
    said: str
    told: bytes


def attempt(
    arguments: Sequence[str], *, log: Path, kill: Kill | None = None, change: Callable[[], None] | None = None
) -> Ending:
    """Run `python -m train ARGUMENTS` until it ends or is killed; `change` is called in it first."""
    for name, value in (("TF_CPP_MIN_LOG_LEVEL", "2"), ("TF_USE_LEGACY_KERAS", "1")):
        os.environ.setdefault(name, value)  # as the command does, before TensorFlow is imported
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    told, tell = context.Pipe(duplex=False)
    process = context.Process(target=_command, args=(list(arguments), log, tell, change))
    process.start()
    tell.close()
    heard = b""
    with told:
        while byte := os.read(told.fileno(), 1):
            heard += byte
            if kill and kill.due(heard):
                time.sleep(kill.delay_s)
                os.kill(process.pid, signal.SIGKILL)
                break
        while more := os.read(told.fileno(), 4096):  # what it told before it died
            heard += more
    process.join()
    heard, _, status = heard.partition(END)
    return Ending(status[0] if status else None, log.read_text(), heard)


def _command(arguments: list[str], log: Path, tell: Connection, change: Callable[[], None] | None) -> None:
    """The process."""
    from train import config, loop, stages
    from train.__main__ import main

    config.PRESETS["tiny"] = SETTINGS
    with log.open("wb") as file:
        os.dup2(file.fileno(), 2)
    pipe = tell.fileno()
    before(stages, "fit", lambda *args, **options: os.write(pipe, BEGIN))
    before(stages, "finish", lambda *args, **options: os.write(pipe, FINISH))
    before(loop, "held_out_logits", lambda *args, **options: os.write(pipe, LOOK))
    _watch(Path(arguments[arguments.index("--out") + 1]), lambda byte: os.write(pipe, byte))
    if change:
        change()
    os.write(pipe, END + bytes([main(arguments)]))


def before(module: Any, name: str, action: Callable[..., object]) -> None:
    """Have something done, with the same arguments, before each call of a function."""
    function = getattr(module, name)

    def call(*args: Any, **options: Any) -> Any:
        action(*args, **options)
        return function(*args, **options)

    setattr(module, name, call)


def _watch(out: Path, tell: Callable[[bytes], object]) -> None:
    """Tell what the interpreter is about to touch."""

    def look(event: str, args: tuple[Any, ...]) -> None:
        if event in _TOUCHES and isinstance(args[0], str | Path):
            path = str(args[0])
            if path.endswith(".jpeg"):
                tell(IMAGE)
            elif path.startswith(f"{out}/"):
                inside = path.removeprefix(f"{out}/")
                of_epoch = re.match(r"\.?(history|curves|confusion)\.", inside)
                tell(CHECKPOINT if inside.startswith("checkpoints") else EPOCH if of_epoch else RESULT)

    sys.addaudithook(look)
