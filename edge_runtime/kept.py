"""What is worked out when it is first asked for, and kept: `functools.cached_property` without its lock.

Until Python 3.12 that has one lock for all objects of a class, so that threads wait for one another's pictures, and a
process that is forked while another thread holds it waits for ever. Here threads that ask at once may both work, and
get the same.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


class kept(Generic[Value]):  # noqa: N801 - read as a decorator
    """A method without arguments as an attribute."""

    def __init__(self, work: Callable[[Any], Value]) -> None:
        """Keep what `work` returns in the object, by its name."""
        self._work, self._name, self.__doc__ = work, work.__name__, work.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> "kept[Value]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...
    def __get__(self, instance: object | None, owner: type) -> "Value | kept[Value]":
        """The value; from then on it is an attribute of the object, which is found before this."""
        if instance is None:
            return self
        return instance.__dict__.setdefault(self._name, self._work(instance))  # type: ignore[no-any-return]
