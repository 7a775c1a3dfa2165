"""A process that classifies for another one: forked, handed paths through a pipe, and over with it."""

import contextlib
import gc
import mmap
import os
import pickle
import signal
import warnings
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NoReturn

from edge_runtime.classifier import Classifier
from edge_runtime.native import signal_name
from edge_runtime.prediction import Prediction, failed

_HELD_BACK = {signal.SIGINT, signal.SIGTERM}  # terminals and systemd send them to every process of a command


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let what would interrupt this thread wait until the block is over, so that no helper forked in it is lost."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())  # asked first: blocking may raise what has just come
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Here:
    """A classifier in this process, as a helper."""

    alive = True

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    def classify(self, paths: Sequence[str], done: list[Prediction]) -> None:
        """Append the prediction of each path to `done`."""
        done.extend(map(self._classifier.classify, paths))


class Helper:
    """A forked process with a classifier of its own; `alive` until it is found to be dead.

    It ends when it is dismissed, and when this process ends: no other one holds the pipe to it open.
    """

    def __init__(self, classifier: Classifier, *, elders: Sequence["Helper"] = ()) -> None:
        """Fork it, where interrupts are `held_back`.

        Args:
            classifier: what it classifies by.
            elders: the helpers that this process has, whose pipes the new one closes.

        Raises OSError where the system grants no further process, or no pipes to it.
        """
        self.alive, self._classifier = True, classifier
        self._status: int | None = None
        self._position = mmap.mmap(-1, 1)  # of the path that it is at, among those that it was handed
        with contextlib.ExitStack() as pipes:  # closed when anything is raised here, at which a child ends
            questions, self._ask = map(pipes.enter_context, _pipe())
            self._answers, answers = map(pipes.enter_context, _pipe())
            with warnings.catch_warnings():
                # Python 3.12 warns of any thread; those of numpy's OpenBLAS end before a fork and come back after it.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._pid = os.fork()
            if not self._pid:
                self._serve(questions, answers, elders)
            pipes.pop_all()
        questions.close()
        answers.close()

    def classify(self, paths: Sequence[str], done: list[Prediction]) -> None:
        """Append the prediction of each path, at most 256, to `done`; of a helper that dies, up to what it died of."""
        self._position[0] = 0
        try:
            pickle.dump(paths, self._ask)
            self._ask.flush()
        except BrokenPipeError:  # it died while it had nothing to do
            self.alive = False
            return
        try:
            answers = pickle.load(self._answers)  # noqa: S301  # from our own child
        except (EOFError, pickle.UnpicklingError):
            self.alive = False
            lost = self._position[0]
            done.extend(map(self._classifier.classify, paths[:lost]))  # what it did not live to tell
            done.append(failed(paths[lost], self._obituary()))
            return
        # What it raised is raised here.
        done.extend(answer or self._classifier.classify(path) for path, answer in zip(paths, answers, strict=True))

    def _obituary(self) -> str:
        """What is said of the picture that a helper died of."""
        status = self.wait()
        how = f"was killed by {signal_name(-status)}" if status < 0 else f"ended with status {status}"
        return f"expected a process that classifies it and lives, got one that {how}; classify it again by itself"

    def dismiss(self) -> None:
        """Let it end when it has done what it was handed."""
        for pipe in (self._ask, self._answers):
            with contextlib.suppress(BrokenPipeError):  # of what it died before it was told
                pipe.close()

    def wait(self) -> int:
        """Its exit status, negative the signal that killed it; once it has ended."""
        if self._status is None:
            try:
                self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
            except ChildProcessError:  # whoever started this process lets it ignore its children: then nobody knows
                self._status = 0
        return self._status

    def _serve(self, questions: BinaryIO, answers: BinaryIO, elders: Sequence["Helper"]) -> NoReturn:
        """What the child does: it returns nowhere, and flushes nothing that its parent has yet to write.

        It answers all that it was handed at once: each answer would wake its parent, which is at work itself.
        """
        try:
            for number in _HELD_BACK:
                signal.signal(number, signal.SIG_IGN)  # the parent ends, and with it this
            for each in (self, *elders):
                each.dismiss()  # or they would wait for what is asked by themselves
            gc.freeze()  # a search for garbage would copy every page with an object of the parent's
            while True:
                done: list[Prediction | None] = []
                for self._position[0], path in enumerate(pickle.load(questions)):  # noqa: S301  # from our own parent
                    try:
                        done.append(self._classifier.classify(path))
                    except Exception:  # whatever it is
                        done.append(None)
                pickle.dump(done, answers)
                answers.flush()
        finally:
            os._exit(0)


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    """Both ends of a new pipe, the one to be read from first."""
    reading, writing = os.pipe()
    return os.fdopen(reading, "rb"), os.fdopen(writing, "wb")
