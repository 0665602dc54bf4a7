"""A LayerVisitor that scans members for real and keeps everything in dicts."""

from __future__ import annotations

from collections.abc import Callable

from imgscan.errors import Effect
from imgscan.evidence import Depth, LayerScan, ScanPlan
from imgscan.layers.scan import LayerScanner


class KeepingVisitor:
    """`between` is called when a source has resolved an image and looks whether it can do without reading it."""

    def __init__(self, *, opens_layers: bool = True, between: Callable[[], None] = lambda: None) -> None:
        self.opens_layers = opens_layers
        self.scans: dict[str, LayerScan] = {}
        self.configs: dict[str, bytes] = {}
        self.told: list[tuple[str, int, int | None]] = []
        self._between = between
        self._scanner = LayerScanner(ScanPlan(depth=Depth.MEMBERS), (), secret_key=bytes(32))

    def prepare(self):
        self.prepared = True

    def scan(self, stream, name):
        if not self.opens_layers:
            while stream.read(1 << 20):
                pass
            return None
        scan = self._scanner.scan(stream)
        if all(problem.effect is not Effect.INCOMPLETE for problem in scan.problems):
            self.scans[scan.diff_id] = scan
        return scan

    def cached(self, diff_id):
        return self.scans.get(diff_id)

    def cached_config(self, image_id):
        self._between()
        return self.configs.get(image_id)

    def keep_config(self, image_id, blob):
        self.configs[image_id] = blob

    def progress(self, what, done, total):
        self.told.append((what, done, total))
