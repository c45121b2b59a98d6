"""Index terms: a text's words as BM25 counts them, stemmed in its language, stop words out."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence

import Stemmer

from baukasten_core.documents.language import STEMMERS
from baukasten_core.documents.stopwords import STOP_WORDS

LONGEST_TERM = 64
"""Characters of a term; what is longer is cut (nobody searches for base64)."""

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORDS = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
_local = threading.local()


def terms(text: str, language: str | None) -> list[str]:
    """The index terms of `text` in order, repeats included.

    Pure and repeatable. CPU-bound, about a millisecond for ten chunks.
    """
    stop = STOP_WORDS.get(language or "", frozenset())
    words = [word for word in _words(text.lower()) if word not in stop]
    stemmer = _stemmer(language)
    stems = stemmer.stemWords(words) if stemmer else words
    return [stem[:LONGEST_TERM] for stem in stems]


def variants(text: str, languages: Sequence[str | None]) -> list[frozenset[str]]:
    """A query's words, each as the terms it may stand for in documents of these languages.

    A word that is a stop word in one language still counts in the others; a word that repeats
    counts once.
    """
    found: dict[str, frozenset[str]] = {}
    for word in _words(text.lower()):
        if word not in found:
            found[word] = frozenset(
                term for language in languages for term in terms(word, language)
            )
    return list({forms: None for forms in found.values() if forms})


def _words(text: str) -> Iterator[str]:
    for match in _WORDS.finditer(text):
        word = match.group()
        if "\u3040" <= word[0] <= "\ud7af" and len(word) > 1:
            # Scripts without spaces: overlapping pairs of characters stand for words.
            yield from (word[at : at + 2] for at in range(len(word) - 1))
        else:
            yield word


def _stemmer(language: str | None) -> Stemmer.Stemmer | None:
    """One a thread: a stemmer has a cache and may not be shared."""
    name = STEMMERS.get(language or "")
    if name is None:
        return None
    cache: dict[str, Stemmer.Stemmer] | None = getattr(_local, "stemmers", None)
    if cache is None:
        cache = _local.stemmers = {}
    if name not in cache:
        cache[name] = Stemmer.Stemmer(name)
    return cache[name]
