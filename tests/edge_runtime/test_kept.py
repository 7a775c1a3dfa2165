import os
import signal
import threading
import time

from edge_runtime.kept import kept


class Slow:
    """What takes a while, and who has worked it out."""

    def __init__(self):
        self.began, self.go_on, self.worked = threading.Event(), threading.Event(), 0

    @kept
    def value(self):
        """Said in the docs."""
        self.began.set()
        self.go_on.wait(10)
        self.worked += 1
        return [self.worked]


def test_it_is_worked_out_once_and_kept():
    slow = Slow()
    slow.go_on.set()
    assert slow.value is slow.value
    assert slow.worked == 1
    assert Slow.value.__doc__ == "Said in the docs."


def test_objects_do_not_wait_for_one_another():
    busy, other = Slow(), Slow()
    thread = threading.Thread(target=lambda: busy.value)
    thread.start()
    assert busy.began.wait(5)
    other.go_on.set()
    assert other.value == [1]
    assert thread.is_alive()
    busy.go_on.set()
    thread.join()


def test_threads_that_ask_at_once_get_the_same():
    slow, found = Slow(), []
    threads = [threading.Thread(target=lambda: found.append(slow.value)) for _ in range(4)]
    for thread in threads:
        thread.start()
    slow.go_on.set()
    for thread in threads:
        thread.join()
    assert all(each is slow.value for each in found)


def test_a_process_that_is_forked_meanwhile_does_not_wait():
    busy, other = Slow(), Slow()
    other.go_on.set()
    thread = threading.Thread(target=lambda: busy.value)
    thread.start()
    assert busy.began.wait(5)
    child = os.fork()
    if not child:
        os._exit(0 if other.value == [1] else 1)
    deadline = time.monotonic() + 10
    done = status = 0
    while not done and time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.01)
    if not done:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    busy.go_on.set()
    thread.join()
    assert (done, status) == (child, 0)
