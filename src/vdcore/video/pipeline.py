# SPDX-License-Identifier: Apache-2.0
"""Decode, filter and encode at the same time, with a few frames in flight.

A thread decodes, the calling thread filters and another thread encodes; OpenCV and vdcore release the GIL
while they work. Frames wait in two short channels, so memory does not depend on the length of the video.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Condition, Thread
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

import numpy.typing as npt

from .frame import Frame
from .info import VideoInfo

Array = npt.NDArray[Any]
T = TypeVar("T")
QUEUED_FRAMES = 3  # between two stages


class Reader(Protocol):
    """A source of frames with the same planes.

    Attributes
    ----------
    info : VideoInfo
        What is known of the source.
    """

    info: VideoInfo

    def read(self) -> Frame | None:
        """Decode the next frame; None at the end."""

    def picture(self, frame: Frame, alpha: bool = False) -> Array:
        """Return a frame as it is shown: (H, W) of grey, else (H, W, 3) of red, green, blue.

        With `alpha`, (H, W, 4) where there is any.
        """

    def losses(self) -> list[str]:
        """Name everything in the input that cannot be kept, as far as is known yet."""

    def close(self) -> None: ...


class Writer(Protocol):
    """A sink for frames of width x height pixels."""

    width: int
    height: int
    codec: str

    def losses(self) -> list[str]:
        """Name everything in the frames that the output cannot hold."""

    def write(self, frame: Frame) -> None:
        """Encode the next frame, which the writer may overwrite."""

    def finish(self) -> None:
        """Write what is still queued, close, and raise OSError unless every frame is safely stored."""

    def close(self) -> None:
        """Close and discard the output."""


class Filter(Protocol):
    """A filter between decoding and encoding, which changes the planes of frames in place."""

    def push(self, frame: Frame) -> Iterable[Frame]:
        """Take the next frame; yield the frames that are ready to be written, in order."""

    def flush(self) -> Iterable[Frame]:
        """Yield the remaining frames, after the last one was taken."""


class PassThrough:
    """The filter that changes nothing: the baseline for the cost of a filter."""

    def push(self, frame: Frame) -> Iterable[Frame]:
        return (frame,)

    def flush(self) -> Iterable[Frame]:
        return ()


@dataclass
class Clock:
    """Seconds spent in something."""

    seconds: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds += perf_counter() - start

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """Pass items on, counting the time that it takes to produce them."""
        iterator = iter(items)
        while True:
            with self.running():
                item = next(iterator, None)
            if item is None:
                return
            yield item


@dataclass
class Clocks:
    """Seconds of work in each stage; the stages run at the same time."""

    decode: Clock
    filter: Clock
    encode: Clock


class Channel(Generic[T]):
    """A queue of bounded length between two threads that either of them can end."""

    def __init__(self, capacity: int = QUEUED_FRAMES) -> None:
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._closed = False
        self._error: BaseException | None = None
        self._changed = Condition()

    def put(self, item: T) -> None:
        """Add an item as soon as there is room; raise the error that the other side stopped with."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._capacity)
            self._raise_error()
            self._items.append(item)
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        """Take items until the channel is closed and empty; raise the error that stopped the other side."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._items)
                self._raise_error()
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item

    def close(self, error: BaseException | None = None) -> None:
        """End the channel: after the items in it, or, with an error, at once and with that error."""
        with self._changed:
            if not self._closed or self._error is None:
                self._error = error
            self._closed = True
            self._changed.notify_all()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error


class _Stopped(Exception):
    """Sent to the other threads when one of them fails."""


def run(
    reader: Reader,
    frame_filter: Filter,
    writer: Writer,
    advance: Callable[[], object] = lambda: None,
    ends: Callable[[Frame], bool] = lambda frame: False,
) -> tuple[int, Clocks]:
    """Send every frame of reader through frame_filter to writer.

    Parameters
    ----------
    reader : Reader
    frame_filter : Filter
    writer : Writer
    advance : callable
        Called after every frame that was read, in the calling thread.
    ends : callable
        Given each frame, whether to stop before it.

    Returns
    -------
    tuple of int and Clocks
        The frames that were read, and the seconds spent in every stage.

    Raises
    ------
    Exception
        The error of any stage; the others have ended by then.
    """
    clocks = Clocks(Clock(), Clock(), Clock())
    decoded: Channel[Frame] = Channel()
    filtered: Channel[Frame] = Channel()

    def decode() -> None:
        for frame in clocks.decode.over(iter(reader.read, None)):
            if ends(frame):
                break
            decoded.put(frame)
        decoded.close()

    def encode() -> None:
        for frame in filtered:
            with clocks.encode.running():
                writer.write(frame)
        with clocks.encode.running():
            writer.finish()

    count = 0
    with _stage(decode, decoded), _stage(encode, filtered):
        for frame in decoded:
            for ready in clocks.filter.over(frame_filter.push(frame)):
                filtered.put(ready)
            count += 1
            advance()
        for ready in clocks.filter.over(frame_filter.flush()):
            filtered.put(ready)
        filtered.close()
    return count, clocks


@contextmanager
def _stage(work: Callable[[], None], channel: Channel[Any]) -> Iterator[None]:
    """Run work in a thread while the body runs; when one of them fails, channel ends the other."""
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except _Stopped:
            pass
        except BaseException as error:
            failures.append(error)
            channel.close(error)

    thread = Thread(target=guarded, name=f"vdcore {work.__name__}")
    thread.start()
    try:
        yield
        thread.join()
    except BaseException:
        channel.close(_Stopped())
        while thread.is_alive():
            with suppress(KeyboardInterrupt):  # what the thread uses must not be closed under it
                thread.join()
        raise
    if failures:
        raise failures[0]
