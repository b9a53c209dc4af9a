"""Things by name, each of which can be registered once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar


class Named(Protocol):
    """What a registry holds."""

    @property
    def name(self) -> str:
        """The name it is found by."""
        ...


Item = TypeVar("Item", bound=Named)


class Registry(Mapping[str, Item], Generic[Item]):
    """Things by name, in the order in which they were registered. A name can be registered once."""

    def __init__(self, what: str, items: Iterable[Item] = ()) -> None:
        self._what = what
        self._items: dict[str, Item] = {}
        for item in items:
            self.register(item)

    def register(self, item: Item) -> Item:
        """Add it. Raises `ValueError` if the name is taken."""
        if item.name in self._items:
            raise ValueError(f"{self._what} {item.name} is registered twice")
        self._items[item.name] = item
        return item

    def __getitem__(self, name: str) -> Item:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)
