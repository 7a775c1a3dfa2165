"""Groups of photographs that share a field, joined pair by pair."""

from collections.abc import Iterable


class Union:
    """Numbers in sets that can be joined (Tarjan 1975)."""

    def __init__(self) -> None:
        self._parent: list[int] = []

    def add(self) -> int:
        """One more number, in a set of its own."""
        self._parent.append(len(self._parent))
        return len(self._parent) - 1

    def join(self, one: int, other: int) -> None:
        """Make one set of those of two numbers; it is known by its smallest."""
        low, high = sorted((self.find(one), self.find(other)))
        self._parent[high] = low

    def find(self, number: int) -> int:
        """The smallest number of a number's set."""
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def sets(self) -> list[list[int]]:
        """All sets, each sorted, in the order of their smallest numbers."""
        found: dict[int, list[int]] = {}
        for number in range(len(self._parent)):
            found.setdefault(self.find(number), []).append(number)
        return list(found.values())


def joined(count: int, pairs: Iterable[tuple[int, int]]) -> Union:
    """Numbers 0 to count - 1, those of each pair in one set."""
    union = Union()
    for _ in range(count):
        union.add()
    for one, other in pairs:
        union.join(one, other)
    return union
