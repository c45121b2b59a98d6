"""The blob store that ships, on a folder and in memory, and the fake, through the suite."""

from __future__ import annotations

import stat
from pathlib import Path
from uuid import uuid4

import pytest

from baukasten_core.contracts.storage import BlobStore
from baukasten_core.errors import ProviderNotConfigured
from baukasten_core.providers.storage.fsspec_blobs import FsspecBlobStore, FsspecConfig
from baukasten_core.testing.contracts.storage import (
    BlobStoreContract,
    Interrupted,
    content,
    interrupted,
    pieces,
)
from baukasten_core.testing.fakes import MemoryBlobStore


class TestMemoryFake(BlobStoreContract):
    @pytest.fixture
    def store(self) -> BlobStore:
        return MemoryBlobStore()


class TestLocalFolder(BlobStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> BlobStore:
        return FsspecBlobStore(FsspecConfig(url=str(tmp_path / "blobs")))

    async def test_only_the_owner_can_read(self, tmp_path: Path, store: BlobStore) -> None:
        key = f"{uuid4()}/-/{uuid4()}"
        await store.put(key, pieces(b"x"))
        assert stat.S_IMODE((tmp_path / "blobs").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "blobs" / key).stat().st_mode) == 0o600

    async def test_nothing_is_left_behind(self, tmp_path: Path, store: BlobStore) -> None:
        key = f"{uuid4()}/-/{uuid4()}"
        with pytest.raises(Interrupted):
            await store.put(key, interrupted())
        await store.put(key, pieces(b"x"))
        (tmp_path / "blobs" / f"{key}.crashed.part").write_bytes(b"half")
        assert await store.delete(key) == 1
        assert list((tmp_path / "blobs").rglob("*")) == []


class TestOtherFileSystem(BlobStoreContract):
    @pytest.fixture
    def store(self) -> BlobStore:
        return FsspecBlobStore(FsspecConfig(url=f"memory://{uuid4().hex}"))


async def test_an_unknown_address_says_what_is_wrong() -> None:
    store = FsspecBlobStore(FsspecConfig(url="nothing://there"))
    with pytest.raises(ProviderNotConfigured, match="blob_options"):
        await content(store, "a")
