"""Writes files that are never seen half written."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tokenspec.oracle.base.errors import WrongUsage


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a file that takes the name `path` when the block ends without an error; until then the old file stays.

    Links are followed, permissions are kept. A device or a pipe is written as it is. Raises `OSError`.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        # By its own name: what /dev/stdout or a shell's >(...) leads to has none.
        with open(path, "wb") as direct:
            yield direct
        return
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    beside = os.path.join(folder, f".{name[:100]}.{os.urandom(4).hex()}.tmp")
    descriptor, unnamed = _opened(folder, beside)
    file = os.fdopen(descriptor, "wb")
    try:
        yield file
        file.flush()
        if hasattr(os, "fchmod"):
            # Python has none on Windows before 3.13.
            os.fchmod(file.fileno(), _permissions(target))
        os.fsync(file.fileno())
        if unnamed:
            # Only with a folder's descriptor does Python follow the link to the file itself.
            os.link(f"/proc/self/fd/{file.fileno()}", beside, src_dir_fd=file.fileno())
        file.close()
        os.replace(beside, target)
    except BaseException:
        # The rest of the buffer fails once more, for the reason that is being reported already.
        with suppress(OSError):
            file.close()
        with suppress(FileNotFoundError):
            os.unlink(beside)
        raise


@contextmanager
def written(option: str, path: str) -> Iterator[BinaryIO]:
    """Opens the file that `option` names, as `whole_file` does. Raises `WrongUsage` where it cannot be opened or finished."""
    with ExitStack() as opened:
        try:
            file = opened.enter_context(whole_file(path))
        except (OSError, ValueError) as fault:
            raise cannot_be_written(option, path, fault) from None
        yield file
        try:
            opened.close()
        except BrokenPipeError:
            # The reader of the pipe has closed it.
            return
        except OSError as fault:
            raise cannot_be_written(option, path, fault) from None


def write_file(option: str, path: str | os.PathLike[str], content: bytes) -> None:
    """Writes the file that `option` names, or leaves the old one as it is. Raises `WrongUsage` where that fails."""
    try:
        with written(option, os.fspath(path)) as file:
            file.write(content)
    except OSError as fault:
        raise cannot_be_written(option, os.fspath(path), fault) from None


@contextmanager
def locked_directory(option: str, directory: Path) -> Iterator[None]:
    """Makes the directory that `option` names, and locks it against others. One that stays empty is removed again."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise cannot_be_written(option, str(directory), fault) from None
    # On Windows a directory cannot be locked.
    held = None if sys.platform == "win32" else os.open(directory, os.O_RDONLY)
    try:
        if sys.platform != "win32" and held is not None:
            import fcntl

            fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        with suppress(OSError):
            directory.rmdir()
        if held is not None:
            os.close(held)


def with_ending(path: str, ending: str) -> str:
    """Returns the name of the file that lies beside the one at `path` and has another ending."""
    return os.path.splitext(path)[0] + ending


def named(path: str) -> str:
    """Names a file, or standard output for `-`."""
    return "standard output" if path == "-" else path


def cannot_be_written(option: str, path: str, fault: Exception) -> WrongUsage:
    """Returns the error for a file that cannot be written."""
    why = (getattr(fault, "strerror", None) or str(fault)).lower()
    return WrongUsage(option, f"{named(path)} cannot be written: {why}")


def _opened(folder: str, beside: str) -> tuple[int, bool]:
    """Returns a new file in `folder` and true if it has no name yet: then nothing is left of it if the process is killed."""
    if sys.platform != "win32" and hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd"):
        # Some file systems have no files without a name.
        with suppress(OSError):
            return os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600), True
    return os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600), False


def _permissions(target: str) -> int:
    """Returns the permissions of the existing file, or those of a new one."""
    with suppress(FileNotFoundError):
        return os.stat(target).st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
