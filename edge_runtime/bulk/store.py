"""Where bulk work is read and written: a local folder, or an object store through pyarrow's file systems.

pyarrow is no dependency of the device: it is imported where it is used (extra `cluster`).
"""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import write_atomic
from edge_runtime.image import MAX_BYTES
from edge_runtime.inputs import is_image_name

READERS = 100
"""Objects that a process reads at once: at 50 ms a request they come in as fast as one core classifies them."""

REQUESTS_AN_OBJECT = 2
"""pyarrow asks for an object's size before it reads it."""

WHOLE_PUT = frozenset({"s3", "gcs", "abfs"})
"""File systems on which a new object appears whole, when its stream is closed, or not at all."""


class Store:
    """A folder, or a prefix in an object store. Names are relative to it, with `/` between their parts.

    Pickles as its address: each process opens the file system for itself, with the credentials it finds there.
    """

    def __init__(self, address: str, *, what: str = "a folder") -> None:
        """Open a local path or a URI of a scheme that pyarrow knows (file, s3, gs, abfs, hdfs).

        Raises LeukoliteError when pyarrow is missing or cannot open it; `what` names it in the message.
        """
        self.address = address if "://" in address else os.path.abspath(address)
        self.what = what
        self._files, self._root = _open(self.address, what=what)
        self.is_local: bool = self._files.type_name == "local"
        self.name: str = self._root if self.is_local else _without_secrets(self.address)

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the open file system."""
        return _reopen, (self.address, self.what)

    def path(self, name: str) -> str:
        """What the file system calls `name`."""
        return f"{self._root}/{name}"

    def images(self) -> Iterator[str]:
        """The names of all images below, in the order of `inputs.list_images`; one folder's are held at a time.

        Hidden files and folders, and links to folders, are left out. Raises LeukoliteError where a folder cannot
        be listed: images that are lost without a word are the one thing a bulk run must not have.
        """
        return self._walk("")

    def _walk(self, folder: str) -> Iterator[str]:
        """The images below `folder`, itself '' or a name that ends in `/`."""
        try:
            # With its `/` a folder sorts where its content does.
            entries = sorted(self._local(folder) if self.is_local else self._remote(folder))
        except (OSError, ValueError) as error:
            raise self._unusable(self.path(folder) if folder else self.name, error) from error
        for entry in entries:
            if entry.endswith("/"):
                yield from self._walk(folder + entry)
            else:
                yield folder + entry

    def _local(self, folder: str) -> Iterator[str]:
        """Images and folders in a local folder."""
        with os.scandir(self.path(folder)) as entries:
            for entry in entries:
                if not entry.is_dir():
                    if is_image_name(entry.name):
                        yield entry.name
                elif not entry.name.startswith(".") and not entry.is_symlink():
                    yield f"{entry.name}/"

    def _remote(self, folder: str) -> Iterator[str]:
        """The same of any other file system."""
        from pyarrow import fs

        for entry in self._files.get_file_info(fs.FileSelector(self.path(folder).rstrip("/"))):
            if entry.type == fs.FileType.Directory:
                if not entry.base_name.startswith("."):
                    yield f"{entry.base_name}/"
            elif is_image_name(entry.base_name):
                yield entry.base_name

    def names(self) -> list[str]:
        """The names directly in it, sorted; none where it does not exist yet."""
        from pyarrow import fs

        try:
            found = self._files.get_file_info(fs.FileSelector(self._root, allow_not_found=True))
        except (OSError, ValueError) as error:
            raise self._unusable(self.name, error) from error
        return sorted(entry.base_name for entry in found)

    def check(self) -> None:
        """Raise LeukoliteError when it is not there, such as a folder that this machine has not mounted."""
        from pyarrow import fs

        if self._files.get_file_info(self._root).type != fs.FileType.Directory:
            raise LeukoliteError(
                expected=f"{self.what} at {show(self.name)}",
                found="none",
                remedy="check the address, and that every machine of the cluster reaches it",
            )

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        from pyarrow import fs

        return bool(self._files.get_file_info(self.path(name)).type == fs.FileType.File)

    def open(self, name: str) -> Any:
        """A file to read from at any position; OSError when that fails."""
        return self._files.open_input_file(self.path(name))

    def read(self, name: str) -> bytes:
        """The content of an object; FileNotFoundError, or another OSError when the store itself fails.

        Raises LeukoliteError for one above MAX_BYTES.
        """
        with self.open(name) as stream:
            if stream.size() > MAX_BYTES:
                raise LeukoliteError(
                    expected=f"a file of at most {MAX_BYTES:,} bytes",
                    found=f"{stream.size():,}",
                    remedy="replace the file or leave it out",
                )
            content: bytes = stream.read()
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write `name` whole or not at all, over an older one; LeukoliteError when it cannot be written."""
        if self.is_local:
            write_atomic(self.path(name), [content])
            return
        whole = self._files.type_name in WHOLE_PUT
        folder, _, last = self.path(name).rpartition("/")
        path = self.path(name) if whole else f"{folder}/.{last}.{uuid.uuid4().hex}.part"
        try:
            if not whole:
                self._files.create_dir(folder, recursive=True)
            with self._files.open_output_stream(path) as stream:
                stream.write(content)
            if not whole:
                self._files.move(path, self.path(name))
        except OSError as error:
            raise LeukoliteError(
                expected=f"to be able to write {show(name)} to {show(self.name)}",
                found=reason(error),
                remedy="check the address and your right to write there, then run it again",
            ) from error

    def delete(self, name: str) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self._files.delete_file(self.path(name))

    def _unusable(self, name: str, error: Exception) -> LeukoliteError:
        """What to tell the user of a folder that cannot be listed."""
        found = error.strerror if isinstance(error, OSError) and error.strerror else reason(error)
        return LeukoliteError(
            expected=f"{self.what} at {show(name)}", found=found, remedy="check the address and your access to it"
        )


def _reopen(address: str, what: str) -> Store:
    """For pickle, which knows no keywords."""
    return Store(address, what=what)


def _open(address: str, *, what: str) -> tuple[Any, str]:
    """The file system and the path in it."""
    try:
        import pyarrow
        from pyarrow import fs
    except ImportError as error:
        raise LeukoliteError(
            expected="Ray and pyarrow to be installed", found=reason(error), remedy="install the extra `cluster`"
        ) from error
    if "://" not in address:
        return fs.LocalFileSystem(), address
    # It also bounds the connections that an object store's client opens, by default 25.
    pyarrow.set_io_thread_count(max(pyarrow.io_thread_count(), READERS))
    try:
        files, root = fs.FileSystem.from_uri(address)
        if not root:
            raise ValueError("no bucket")
    except (OSError, ValueError, NotImplementedError) as error:
        raise LeukoliteError(
            expected=f"{what} at {show(_without_secrets(address))}",
            found=reason(error),
            remedy="give a local path or an s3://, gs:// or abfs:// address that you may use",
        ) from error
    return files, str(Path(root)) if files.type_name == "local" else root.rstrip("/")


def _without_secrets(address: str) -> str:
    """An address without user, password and options, as it may be shown and kept."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
