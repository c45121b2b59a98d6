"""Parts of German compounds: who looks for `Netzwerk` wants `Netzwerkverkehr`, too.

A word is cut where both parts are words of their own, with the letters that join them left out
(`Arbeit|s|zeit`), and the parts are cut again. The words are those of simplemma's dictionary of
German forms. Of them only checksums are kept, in a file that is made once: 3 MB instead of the
100 MB that the dictionary would take of every process. That one word in six thousand is taken
for known by mistake does no harm: its neighbour would have to be, too.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from zlib import crc32

import platformdirs

SHORTEST_PART, LONGEST_PART = 4, 20
LONGEST_COMPOUND = 40
JOINTS = ("", "s", "es", "n", "en", "er", "e")
"""What may stand between two parts."""

Parts = tuple[str, ...]
IsWord = Callable[[str], bool]


def parts(word: str) -> Parts:
    """The parts of a German compound in lower case; the word alone if it is none.

    Pure and repeatable. The first call loads the words (some milliseconds) or makes their file
    (10 s).
    """
    if not 2 * SHORTEST_PART <= len(word) <= LONGEST_COMPOUND:
        return (word,)
    return _splitter()(word)


def split(word: str, is_word: IsWord) -> Parts:
    """`word` cut into parts until nothing is left to cut.

    Of all places for the first cut, the one that leaves the fewest letters out and the longest
    second part is right most often: a German compound's last part says what it is.
    """
    cuts = [
        (len(joint), end, after)
        for end in range(SHORTEST_PART, min(len(word) - SHORTEST_PART, LONGEST_PART) + 1)
        if is_word(word[:end])
        for joint, after in _joints(word, end)
        if is_word(word[after:])
    ]
    if cuts:
        _, end, after = min(cuts)
        return split(word[:end], is_word) + split(word[after:], is_word)
    return _three(word, is_word) or (word,)


def _three(word: str, is_word: IsWord) -> Parts:
    """A known first part, and a rest that is itself made of several."""
    for end in range(min(len(word) - 2 * SHORTEST_PART, LONGEST_PART), SHORTEST_PART - 1, -1):
        if is_word(word[:end]):
            for _, after in _joints(word, end):
                rest = split(word[after:], is_word)
                if len(rest) > 1:
                    return split(word[:end], is_word) + rest
    return ()


def _joints(word: str, end: int) -> Iterator[tuple[str, int]]:
    """What joins a part that ends here to the next, and where that begins."""
    for joint in JOINTS:
        after = end + len(joint)
        if word.startswith(joint, end) and len(word) - after >= SHORTEST_PART:
            yield joint, after


class Words:
    """Known words, by their checksums in order."""

    def __init__(self, sums: array[int]) -> None:
        self._sums = sums

    @classmethod
    def of(cls, words: Iterable[str]) -> Words:
        return cls(array("I", sorted({crc32(word.encode()) for word in words})))

    @classmethod
    def read(cls, path: Path) -> Words:
        return cls(array("I", path.read_bytes()))

    def write(self, path: Path) -> None:
        """Whole or not at all: another process may be doing the same."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(self._sums.tobytes())
        os.replace(file.name, path)

    def __contains__(self, word: str) -> bool:
        wanted = crc32(word.encode())
        place = bisect_left(self._sums, wanted)
        return place < len(self._sums) and self._sums[place] == wanted


@cache
def _splitter() -> Callable[[str], Parts]:
    words = _german()
    return lru_cache(maxsize=50_000)(lambda word: split(word, words.__contains__))


def _german() -> Words:
    path = platformdirs.user_cache_path("baukasten") / "words" / f"de-{version('simplemma')}"
    if not path.exists():
        Words.of(_forms()).write(path)
    return Words.read(path)


def _forms() -> Iterator[str]:
    from simplemma.strategies.dictionaries.dictionary_factory import DefaultDictionaryFactory

    for form in DefaultDictionaryFactory(cache_max_size=1).get_dictionary("de"):
        if form.isalpha() and SHORTEST_PART <= len(form) <= LONGEST_PART:
            yield form.lower()
