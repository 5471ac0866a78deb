"""Processes that share long work, and end at once when somebody ends the work."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager


@contextmanager
def processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """`count` processes of their own. An interruption is the business of this one: it ends them, they hear nothing of it."""
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as pool:
        try:
            with _held_back():
                # A process is started for each of these, as none can be done with one so soon.
                for _ in range(count):
                    pool.submit(int)
            yield pool
        except KeyboardInterrupt:
            for process in list(getattr(pool, "_processes", {}).values()):
                process.terminate()
            pool.shutdown(cancel_futures=True)
            raise


@contextmanager
def _held_back() -> Iterator[None]:
    """Interruptions wait until it is over; to a process that is started meanwhile they never come."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
