"""A process that classifies for another one: forked, handed paths through a pipe, and over with it."""

import contextlib
import gc
import mmap
import os
import pickle
import signal
import warnings
from collections.abc import Sequence
from typing import NoReturn

from edge_runtime.classifier import Classifier
from edge_runtime.native import signal_name
from edge_runtime.prediction import Prediction, failed

_HELD_BACK = {signal.SIGINT, signal.SIGTERM}  # terminals and systemd send them to every process of a command


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

    Several must be forked one after the other, and all be dismissed before one is waited for: a later one holds the
    pipe to an earlier one open. So the last sees first that nobody will ask any more, the others when it has ended;
    even when this process is killed.
    """

    def __init__(self, classifier: Classifier) -> None:
        self.alive, self._classifier = True, classifier
        self._status: int | None = None
        self._position = mmap.mmap(-1, 1)  # of the path that it is at, among those that it was handed
        questions, ask = os.pipe()
        answers, answer = os.pipe()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)  # until the child has put them aside
        try:
            with warnings.catch_warnings():
                # Python 3.12 warns of any thread; those of numpy's OpenBLAS end before a fork and come back after it.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._pid = os.fork()
            if not self._pid:
                os.close(ask)  # or it would wait for its own questions for ever
                os.close(answers)
                _serve(classifier, questions, answer, self._position, mask=mask)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(questions)
        os.close(answer)
        self._ask, self._answers = os.fdopen(ask, "wb"), os.fdopen(answers, "rb")

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
            self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._status


def _serve(
    classifier: Classifier, questions: int, answer: int, position: mmap.mmap, *, mask: set[int | signal.Signals]
) -> NoReturn:
    """What the child does: it returns nowhere, and flushes nothing that its parent has yet to write.

    It answers all that it was handed at once: each answer would wake its parent, which is at work itself.
    """
    try:
        for number in _HELD_BACK:
            signal.signal(number, signal.SIG_IGN)  # the parent ends, and with it this
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        gc.freeze()  # a search for garbage would copy every page with an object of the parent's
        with os.fdopen(questions, "rb") as asked, os.fdopen(answer, "wb") as answered:
            while True:
                answers: list[Prediction | None] = []
                for position[0], path in enumerate(pickle.load(asked)):  # noqa: S301  # from our own parent
                    try:
                        answers.append(classifier.classify(path))
                    except Exception:  # whatever it is
                        answers.append(None)
                pickle.dump(answers, answered)
                answered.flush()
    finally:
        os._exit(0)
