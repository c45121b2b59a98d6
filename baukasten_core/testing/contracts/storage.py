"""The suites of the storage contracts: original files, and vectors.

class TestMine(BlobStoreContract):
    @pytest.fixture
    def store(self) -> BlobStore:
        return MyStore()
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from uuid import uuid4

import pytest

from baukasten_core.contracts.storage import BlobStore
from baukasten_core.errors import NotFound


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def content(store: BlobStore, key: str) -> bytes:
    return b"".join([piece async for piece in store.open(key)])


class Interrupted(Exception):
    """Raised in the middle of an upload."""


async def interrupted() -> AsyncIterator[bytes]:
    yield b"half"
    raise Interrupted


class BlobStoreContract:
    """What every blob store promises."""

    @pytest.fixture
    def store(self) -> BlobStore:
        """An empty store."""
        raise NotImplementedError("give the fixture `store`")

    async def test_what_was_put_can_be_read(self, store: BlobStore) -> None:
        key = f"{uuid4()}/-/{uuid4()}"
        assert await store.put(key, pieces(b"one ", b"", b"two")) == 7
        assert await content(store, key) == b"one two"

    async def test_large_files_come_in_pieces(self, store: BlobStore) -> None:
        key = f"{uuid4()}/-/{uuid4()}"
        part = bytes(range(256)) * 1024
        assert await store.put(key, pieces(*[part] * 12)) == 12 * len(part)
        read = [piece async for piece in store.open(key)]
        assert len(read) > 1
        assert b"".join(read) == part * 12

    async def test_an_empty_file_is_a_file(self, store: BlobStore) -> None:
        key = f"{uuid4()}/-/{uuid4()}"
        assert await store.put(key, pieces()) == 0
        assert await content(store, key) == b""

    async def test_a_missing_file_is_not_found(self, store: BlobStore) -> None:
        with pytest.raises(NotFound):
            await content(store, f"{uuid4()}/-/{uuid4()}")

    async def test_putting_again_replaces(self, store: BlobStore) -> None:
        key = f"{uuid4()}/-/{uuid4()}"
        await store.put(key, pieces(b"first, longer"))
        await store.put(key, pieces(b"second"))
        assert await content(store, key) == b"second"

    async def test_an_interrupted_file_is_not_there(self, store: BlobStore) -> None:
        key = f"{uuid4()}/-/{uuid4()}"
        with pytest.raises(Interrupted):
            await store.put(key, interrupted())
        with pytest.raises(NotFound):
            await content(store, key)
        assert await store.delete(key) == 0

    async def test_an_interrupted_replacement_leaves_the_old_file(self, store: BlobStore) -> None:
        key = f"{uuid4()}/-/{uuid4()}"
        await store.put(key, pieces(b"old"))
        with pytest.raises(Interrupted):
            await store.put(key, interrupted())
        assert await content(store, key) == b"old"

    async def test_deleting_takes_a_prefix_and_nothing_else(self, store: BlobStore) -> None:
        tenant, other, project = uuid4(), uuid4(), uuid4()
        mine = [f"{tenant}/{project}/{uuid4()}" for _ in range(3)]
        kept = [f"{tenant}/-/{uuid4()}", f"{other}/{project}/{uuid4()}"]
        await self._put_all(store, [*mine, *kept])
        assert await store.delete(f"{tenant}/{project}/") == 3
        assert await store.delete(f"{tenant}/{project}/") == 0
        for key in mine:
            with pytest.raises(NotFound):
                await content(store, key)
        assert [await content(store, key) for key in kept] == [b"x", b"x"]
        assert await store.delete(kept[0]) == 1
        assert await store.delete(f"{other}/") == 1

    @pytest.mark.parametrize(
        "key", ["", "/", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".hidden", "a b", "a\x00b"]
    )
    async def test_keys_that_are_none_are_refused(self, store: BlobStore, key: str) -> None:
        with pytest.raises(ValueError, match="key"):
            await store.put(key, pieces(b"x"))
        with pytest.raises(ValueError, match="key"):
            await content(store, key)

    @pytest.mark.parametrize("prefix", ["", "/", "../", "a//", "."])
    async def test_deleting_everything_is_refused(self, store: BlobStore, prefix: str) -> None:
        with pytest.raises(ValueError, match="key"):
            await store.delete(prefix)

    async def test_many_files_at_the_same_time(self, store: BlobStore) -> None:
        keys = [f"{uuid4()}/-/{uuid4()}" for _ in range(20)]
        await self._put_all(store, keys)
        assert await asyncio.gather(*(content(store, key) for key in keys)) == [b"x"] * 20

    async def _put_all(self, store: BlobStore, keys: Iterable[str]) -> None:
        await asyncio.gather(*(store.put(key, pieces(b"x")) for key in keys))
