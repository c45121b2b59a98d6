"""Texts of all callers that wait for an engine: two priorities, batches by tokens, a bound."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from baukasten_core.contracts.embedding import Embedded, Priority, TextOrTokens
from baukasten_core.errors import ProviderUnavailable
from baukasten_core.providers.embedding.tokens import Tokens
from baukasten_core.providers.embedding.vectors import Vectors

WINDOW_TOKENS = 1 << 16
"""What is sorted together: enough that neighbours are of one length (a third of it costs 3 % in
padding), and so little that a short text does not wait long behind later ones."""

WINDOW_BATCHES = 8
"""What is sorted together at least, for engines that take more at a time."""

LEAST_TOKENS = 256
"""Of a batch: fewer are not worth a lane of their own."""

QUERIES_IN_A_ROW = 8
"""Batches of queries after which one of the bulk work goes, so that it never stands still."""

TEXTS_A_PLACE = 16
"""A request takes one place in the queue for each of so many texts."""


@dataclass(eq=False, slots=True)
class Request:
    """What one caller asked for, and what is there of the answer; `left` vectors are missing."""

    inputs: Sequence[TextOrTokens]
    priority: Priority
    vectors: Vectors
    left: int
    tokens: list[int] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    result: Future[Embedded] = field(default_factory=Future)

    def read(self, tokens: Sequence[Tokens]) -> list[Waiting]:
        """Note what was read of the next inputs; it waits for the engine now."""
        first = len(self.tokens)
        self.tokens += [len(each.ids) for each in tokens]
        self.cut += [row for row, each in enumerate(tokens, first) if each.cut]
        return [Waiting(each.ids, self, row) for row, each in enumerate(tokens, first)]

    def fill(self, row: int, vector: Vectors) -> None:
        """Note a vector; the last one completes the answer."""
        self.vectors[row] = vector
        self.left -= 1
        if not self.left and self.result.set_running_or_notify_cancel():
            self.result.set_result(Embedded(self.vectors, tuple(self.tokens), tuple(self.cut)))

    def fail(self, error: Exception) -> None:
        if not self.result.done() and self.result.set_running_or_notify_cancel():
            self.result.set_exception(error)


@dataclass(eq=False, slots=True)
class Waiting:
    """One text of a request."""

    ids: Sequence[int]
    request: Request
    row: int


class WaitingTexts:
    """Callers put texts in, the engine's thread takes batches out."""

    def __init__(self) -> None:
        self._lines: dict[Priority, _Line] = {"query": _Line(), "bulk": _Line()}
        self._changed = threading.Condition()
        self._closed = False
        self._queries = 0

    def put(self, texts: Sequence[Waiting], priority: Priority) -> None:
        with self._changed:
            self._lines[priority].add(texts)
            self._changed.notify(len(texts))

    def take(self, most_tokens: int, lanes: int = 1) -> list[Waiting]:
        """The next batch, padded to at most so many tokens (but one text at least); waits for one.
        Empty when it was closed and all is done. What is left in the end is shared by the lanes."""
        with self._changed:
            while True:
                if batch := self._next().batch(most_tokens, lanes):
                    return batch
                if len(self):
                    continue  # all of that line's callers had gone away
                if self._closed:
                    return []
                self._changed.wait()

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self) -> _Line:
        query, bulk = self._lines["query"], self._lines["bulk"]
        if not query or (bulk and self._queries >= QUERIES_IN_A_ROW):
            self._queries = 0
            return bulk
        self._queries += 1
        return query


class _Line:
    """Texts of one priority: the oldest into a window, the longest of the window out first."""

    def __init__(self) -> None:
        self._arrived: deque[Waiting] = deque()
        self._window: list[Waiting] = []
        self._tokens = 0

    def __len__(self) -> int:
        return len(self._arrived) + len(self._window)

    def add(self, texts: Sequence[Waiting]) -> None:
        self._arrived.extend(texts)
        self._tokens += sum(len(text.ids) for text in texts)

    def batch(self, most_tokens: int, lanes: int) -> list[Waiting]:
        batch: list[Waiting] = []
        if lanes > 1:
            most_tokens = min(most_tokens, max(self._tokens // lanes, LEAST_TOKENS))
        while self._window or (not batch and self._open_window(most_tokens)):
            if batch and (len(batch) + 1) * len(batch[0].ids) > most_tokens:
                break
            text = self._window.pop()
            self._tokens -= len(text.ids)
            if not text.request.result.done():  # its caller went away, or another batch failed
                batch.append(text)
        return batch

    def _open_window(self, most_tokens: int) -> bool:
        tokens = max(WINDOW_TOKENS, WINDOW_BATCHES * most_tokens)
        while self._arrived and tokens > 0:
            self._window.append(self._arrived.popleft())
            tokens -= len(self._window[-1].ids)
        self._window.sort(key=lambda text: len(text.ids), reverse=True)
        self._window.reverse()  # so that of two of one length the older one is popped first
        return bool(self._window)


class Places:
    """Refuses what would wait too long, instead of letting it pile up.

    Bulk work takes no place from queries.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: dict[Priority, int] = {"query": 0, "bulk": 0}

    @contextmanager
    def taken(self, texts: int, priority: Priority) -> Iterator[None]:
        """While a request waits and is worked on.

        Raises `ProviderUnavailable` when every place is taken.
        """
        if self._taken[priority] >= self._most:
            raise ProviderUnavailable(
                "The embedder has as much waiting as it takes; ask again soon.", retry_after=2
            )
        places = -(-texts // TEXTS_A_PLACE)
        self._taken[priority] += places
        try:
            yield
        finally:
            self._taken[priority] -= places
