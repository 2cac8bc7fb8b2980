"""Waiting for asyncio.

The kernel can wake a thread when a topic changes, but no selector. So a thread sleeps in the
consumer for as long as somebody awaits it, and ends with that: an iteration keeps its thread,
a single await takes one for itself.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, Callable, Optional

from ._errors import TimeoutError


class _Worker:
    """A thread that does one thing after another for a loop, until it is told to stop."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._work: Optional[Callable[[], Any]] = None
        self._future: Optional[asyncio.Future[Any]] = None
        self._ready = threading.Semaphore(0)
        self._idle = threading.Event()
        self._idle.set()
        self._thread: Optional[threading.Thread] = None
        self._name = name

    def submit(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        future: asyncio.Future[Any] = self._loop.create_future()
        self._work, self._future = work, future
        self._idle.clear()
        self._ready.release()
        return future

    def _run(self) -> None:
        while True:
            self._ready.acquire()
            work, future = self._work, self._future
            if work is None or future is None:
                return
            result, error = None, None
            try:
                result = work()
            except BaseException as e:
                error = e
            self._work = self._future = None
            self._idle.set()
            try:
                self._loop.call_soon_threadsafe(_resolve, future, result, error)
            except RuntimeError:  # the loop is closed
                pass

    def stop(self, wake: Callable[[], Any]) -> None:
        """Ends the thread. wake, called again and again, ends what it sleeps in."""
        if self._thread is None:
            return
        while not self._idle.is_set():
            wake()
            self._idle.wait(0.001)
        self._ready.release()
        try:
            self._thread.join()
        except RuntimeError:  # Ctrl-C came while it started: it finds no work, and ends
            pass
        self._thread = None


def _resolve(future: asyncio.Future[Any], result: Any, error: Optional[BaseException]) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


class Sleeper:
    """Waits in a consumer. An asynchronous context manager, which leaves no thread."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._worker = _Worker(f"tism {consumer.name}")

    async def __aenter__(self) -> Sleeper:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._worker.stop(self._consumer._interrupt)

    async def wait(self, timeout: Optional[float]) -> None:
        if self._consumer.has_changed():
            await asyncio.sleep(0)  # let others run, and cancellation in
            return
        await self._worker.submit(lambda: self._consumer.wait(timeout))


async def poll(attempt: Callable[[float], Any], timeout: Optional[float]) -> Any:
    """Calls attempt in a thread with short timeouts until it does not time out."""
    deadline = None if timeout is None else time.monotonic() + timeout
    stopped = threading.Event()
    worker = _Worker("tism open")

    def work() -> Any:
        while not stopped.is_set():
            left = 0.05 if deadline is None else min(0.05, deadline - time.monotonic())
            try:
                return attempt(max(left, 0.0))
            except TimeoutError:
                if deadline is not None and time.monotonic() >= deadline:
                    raise
        return None

    try:
        return await worker.submit(work)
    finally:
        stopped.set()
        worker.stop(lambda: None)
