"""Progress on standard error, for a person at a terminal; rich is loaded when there is something to show."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from imgscan.renderers.text import one_line

if TYPE_CHECKING:
    import rich.progress

LABEL = 48


class Progress:
    """Bars that come and go: one for each thing under way. `advance` may be called from any thread.

    Leaves nothing on the screen. Not `shown`, it does nothing at all.
    """

    def __init__(self, *, shown: bool) -> None:
        self.shown = shown
        self._lock = Lock()
        self._display: rich.progress.Progress | None = None
        self._tasks: dict[str, rich.progress.TaskID] = {}

    def advance(self, what: str, done: int, total: int | None) -> None:
        """`done` of `total` bytes of `what`; None where nobody knows how many there will be."""
        if not self.shown:
            return
        with self._lock:
            if self._display is None:
                self._display = _display()
                self._display.start()
            task = self._tasks.get(what)
            if task is None:
                task = self._tasks[what] = self._display.add_task(one_line(what, LABEL), total=total)
            self._display.update(task, completed=done, total=total)
            if total is not None and done >= total:
                self._display.remove_task(self._tasks.pop(what))

    def clear(self) -> None:
        """Take everything off the screen: something else is going to be printed."""
        with self._lock:
            if self._display is not None:
                self._display.stop()
            self._display = None
            self._tasks.clear()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()


def _display() -> rich.progress.Progress:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TransferSpeedColumn,
    )

    return Progress(
        SpinnerColumn(),
        # No markup: what is under way is named after things in the image.
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
