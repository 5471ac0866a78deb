"""Worker processes that share long work and end at once when it is interrupted."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait

_SIGNALS = {signal.SIGINT, signal.SIGTERM}


@contextmanager
def processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of `count` worker processes.

    Only the parent process handles an interruption: it stops the workers, which ignore the signal. If the parent is killed,
    the workers end by themselves.
    """
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _end_with_parent) as pool:
        try:
            with _held_back():
                # Each task starts a process, since no worker is idle yet.
                for _ in range(count):
                    pool.submit(int)
            yield pool
        except KeyboardInterrupt:
            with _held_back():
                for process in list(getattr(pool, "_processes", {}).values()):
                    process.kill()
                pool.shutdown(cancel_futures=True)
            raise


def _end_with_parent() -> None:
    """Lets SIGTERM end this worker again, and ends it when the process that started it is gone."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


@contextmanager
def _held_back() -> Iterator[None]:
    """Delays interruptions until the block ends; processes started within it ignore them."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
