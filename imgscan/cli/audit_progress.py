"""How far an audit is, on standard error, for a person at a terminal: layers, bytes, and how long it may still take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgscan.renderers.text import one_line, size_text

if TYPE_CHECKING:
    import rich.progress

    from imgscan.audit.mapping import MapProgress


class AuditProgress:
    """One line for the step under way. Leaves nothing on the screen; not `shown`, it does nothing at all."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._display: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None
        self._what = ""

    def step(self, what: str, done: int, total: int | None) -> None:
        self._tell(what, f"{done:,}" + (f" of {total:,}" if total is not None else ""), done, total)

    def fetched(self, progress: MapProgress) -> None:
        """By bytes: what is left is the smallest layers."""
        told = (
            f"{progress.layers:,} of {progress.of_layers:,} layers, "
            f"{size_text(progress.bytes)} of {size_text(progress.of_bytes)}"
        )
        self._tell("scanning layers", told, progress.bytes, progress.of_bytes)

    def _tell(self, what: str, told: str, done: int, total: int | None) -> None:
        if not self._shown:
            return
        if self._display is None:
            self._display = _display()
            self._display.start()
        if what != self._what or self._task is None:
            if self._task is not None:
                self._display.remove_task(self._task)
            self._what = what
            self._task = self._display.add_task(one_line(what, 40), total=total, told="")
        self._display.update(self._task, completed=done, total=total, told=told)

    def __enter__(self) -> AuditProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._display is not None:
            self._display.stop()
            self._display = None


def _display() -> rich.progress.Progress:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[told]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left:", markup=False),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
