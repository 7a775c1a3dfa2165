"""Work in several threads, whose caller may be interrupted at any moment.

What a signal raises, Python raises between any two steps of the main thread, those of the standard library among them.
`threading` and `concurrent.futures` keep their state by locks that are taken and given back in Python: one that an
interrupt leaves taken is waited for without an end. What is used here changes its state in one step.
"""

import _thread
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 4  # items a worker that may be done before their turn: one that takes long holds up none of the others


def in_order(work: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> Generator[Result, None, None]:
    """The results of `work`, which so many threads do side by side, in the order of the items.

    What it raises is raised in its turn. However it ends, no thread works on when this is over.
    """
    todo: SimpleQueue[_Task[Result] | None] = SimpleQueue()
    ended: SimpleQueue[None] = SimpleQueue()
    begun, waiting = 0, deque[_Task[Result]]()
    try:
        for _ in range(workers):
            _thread.start_new_thread(_serve, (todo, ended))
            begun += 1
        for item in items:
            task = _Task(partial(work, item))
            todo.put(task)
            waiting.append(task)
            while waiting and (len(waiting) >= _AHEAD * workers or waiting[0].done):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        with suppress(Empty):
            while True:
                todo.get_nowait()
        todo.put(None)
        for _ in range(begun):
            ended.get()


class _Task(Generic[Result]):
    """What one thread does and another waits for."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self._results: list[Result] = []
        self._errors: SimpleQueue[BaseException | None] = SimpleQueue()

    @property
    def done(self) -> bool:
        """Whether `result` waits no longer."""
        return not self._errors.empty()

    def do(self) -> None:
        """Do it, and keep what it raises."""
        try:
            self._results.append(self._work())
        except BaseException as error:  # raised where it is waited for
            self._errors.put(error)
        else:
            self._errors.put(None)

    def result(self) -> Result:
        """The result, once it is there; raises what the work has raised. To be asked for once."""
        error = self._errors.get()
        if error is not None:
            raise error
        return self._results.pop()


def _serve(todo: "SimpleQueue[_Task[Result] | None]", ended: "SimpleQueue[None]") -> None:
    """Do tasks until there is None, which is left for the other threads."""
    while (task := todo.get()) is not None:
        task.do()
    todo.put(None)
    ended.put(None)
