"""Original files through fsspec: a local folder by default; S3 and others by URL."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import uuid4

import platformdirs
from pydantic import Field

from baukasten_core.contracts.provider import ProviderConfig
from baukasten_core.contracts.storage import check_key, check_prefix
from baukasten_core.errors import NotFound, ProviderNotConfigured, ProviderUnavailable

PIECE = 256 * 1024
PARTIAL = ".part"
"""Ends the name of a file that is still being written. It begins with the file's key, so
that erasing by prefix also finds what a crash left behind."""


class FsspecConfig(ProviderConfig):
    """Where files are kept."""

    url: str = Field(
        default_factory=lambda: str(platformdirs.user_data_path("baukasten") / "blobs"),
        description="A local folder, or an fsspec URL such as `s3://bucket/folder`.",
    )
    region: str | None = Field(
        None, description="Where the files lie: `local`, `eu`, ... A folder is local."
    )
    processor: str | None = Field(None, description="Who keeps them, for the Article 30 record.")
    options: Mapping[str, Any] = Field(
        default_factory=dict, description="Options of the fsspec file system (keys, endpoint)."
    )


class FsspecBlobStore:
    """A `BlobStore` on any fsspec file system. Its calls run in threads."""

    name = "fsspec"

    def __init__(self, config: FsspecConfig) -> None:
        self._config = config

    @functools.cached_property
    def _root(self) -> tuple[Any, str]:
        """The file system and the folder in it; made at first use."""
        import fsspec

        try:
            system, path = fsspec.url_to_fs(self._config.url, **self._config.options)
        except (ImportError, ValueError) as error:
            raise ProviderNotConfigured(
                f"storage.blob_options.url can't be used: {error}",
                hint="Install the fsspec file system that it names.",
            ) from None
        if _is_local(system):
            os.makedirs(path, mode=0o700, exist_ok=True)
        return system, str(path).rstrip("/")

    async def put(self, key: str, data: AsyncIterator[bytes]) -> int:
        check_key(key)
        async with _translated():
            system, root = await asyncio.to_thread(lambda: self._root)
            return await _write(system, f"{root}/{key}", data)

    async def open(self, key: str) -> AsyncIterator[bytes]:
        check_key(key)
        async with _translated():
            system, root = await asyncio.to_thread(lambda: self._root)
            try:
                file = await asyncio.to_thread(system.open, f"{root}/{key}", "rb")
            except (FileNotFoundError, IsADirectoryError):
                raise NotFound("The original file is not there any more.") from None
            try:
                while piece := await asyncio.to_thread(file.read, PIECE):
                    yield piece
            finally:
                await asyncio.to_thread(file.close)

    async def delete(self, prefix: str) -> int:
        check_prefix(prefix)
        async with _translated():
            return await asyncio.to_thread(self._delete, prefix)

    def _delete(self, prefix: str) -> int:
        system, root = self._root
        paths = _matching(system, f"{root}/{prefix}")
        for path in paths:
            # Somebody else may be deleting the same.
            with contextlib.suppress(FileNotFoundError):
                system.rm_file(path)
        if _is_local(system):
            _prune(paths, root)
        return sum(not path.endswith(PARTIAL) for path in paths)


async def _write(system: Any, target: str, data: AsyncIterator[bytes]) -> int:
    """Write beside the target, then move there in one step: whole or not at all."""
    partial = f"{target}.{uuid4().hex}{PARTIAL}"
    await asyncio.to_thread(system.makedirs, target.rsplit("/", 1)[0], exist_ok=True)
    file = await asyncio.to_thread(system.open, partial, "wb")
    size = 0
    try:
        async for piece in data:
            size += await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(_finish, system, file, partial, target)
    except BaseException:
        await asyncio.shield(asyncio.to_thread(_abandon, system, file, partial))
        raise
    return size


def _finish(system: Any, file: Any, partial: str, target: str) -> None:
    if not _is_local(system):
        file.close()
        system.mv(partial, target)
        return
    file.flush()
    os.fsync(file.fileno())
    file.close()
    os.chmod(partial, 0o600)
    os.replace(partial, target)


def _abandon(system: Any, file: Any, partial: str) -> None:
    """Leave nothing of a file that was not written whole."""
    with contextlib.suppress(Exception):
        file.close()
    with contextlib.suppress(Exception):
        system.rm_file(partial)


def _matching(system: Any, prefix: str) -> list[str]:
    """Every file whose path is or begins with `prefix`."""
    parent = prefix.rsplit("/", 1)[0]
    try:
        entries = system.ls(parent, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    paths: list[str] = []
    for entry in entries:
        name = str(entry["name"])
        if entry["type"] == "directory" and f"{name}/".startswith(prefix):
            paths.extend(system.find(name))
        elif entry["type"] != "directory" and name.startswith(prefix):
            paths.append(name)
    return paths


def _prune(paths: list[str], root: str) -> None:
    """Remove folders that deleting left empty."""
    folders = {path.rsplit("/", 1)[0] for path in paths}
    for folder in sorted(folders, key=len, reverse=True):
        while folder != root and folder.startswith(f"{root}/"):
            try:
                os.rmdir(folder)
            except OSError:  # not empty, or gone already
                break
            folder = folder.rsplit("/", 1)[0]


def _is_local(system: Any) -> bool:
    protocols = system.protocol if isinstance(system.protocol, tuple) else (system.protocol,)
    return "file" in protocols


@contextlib.asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """What a file system raises, as an error of ours."""
    try:
        yield
    except OSError as error:
        raise ProviderUnavailable(
            f"The file store can't be used right now ({type(error).__name__})."
        ) from error
