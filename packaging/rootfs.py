"""The root file system of imgscan's image: the interpreter that runs this, what it and the package load, and no more.

    python3 packaging/rootfs.py DIRECTORY        # which has the package in opt/imgscan already

Runs in the build stage of the Dockerfile, with the standard library alone. Shared libraries are those that `ldd` tells.
"""

from __future__ import annotations

import compileall
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

USER = 65532
"""As distroless images call nobody in particular."""
UNNEEDED = (
    "__pycache__", "config-*", "dist-packages", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages",
    "test", "tests", "tkinter", "turtle*", "venv",
)  # fmt: skip
"""Of the standard library: what installs, draws or tests."""
_LIBRARY = re.compile(r"(?:=>)?\s*(/\S+)\s+\(0x")


def main(root: Path) -> None:
    """Fill `root`."""
    package = root / "opt" / "imgscan"
    interpreter = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    shutil.copy2(interpreter, within(root, interpreter))
    # One name for it whatever the base calls it, in a folder of its own that is on no PATH.
    entry = root / "opt/python3"
    entry.symlink_to(interpreter)
    shutil.copytree(library, within(root, library), ignore=shutil.ignore_patterns(*UNNEEDED), symlinks=True)
    shutil.rmtree(package / "bin", ignore_errors=True)  # scripts of dependencies
    for found in sorted({*libraries([interpreter, *extensions(within(root, library)), *extensions(package)])}):
        target = within(root, found)
        if not target.exists():
            shutil.copy2(found.resolve(), target)
    for path in ("/etc/ssl/certs/ca-certificates.crt", "/etc/os-release", "/etc/nsswitch.conf"):
        if Path(path).exists():
            shutil.copy2(Path(path).resolve(), within(root, Path(path)))
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/passwd").write_text(f"root:x:0:0::/:/nonexistent\nimgscan:x:{USER}:{USER}::/work:/nonexistent\n")
    (root / "etc/group").write_text(f"root:x:0:\nimgscan:x:{USER}:\n")
    for folder, mode in (("tmp", 0o1777), ("work", 0o755)):
        (root / folder).mkdir(exist_ok=True)
        (root / folder).chmod(mode)
    os.chown(root / "work", USER, USER)
    compileall.compile_dir(package, quiet=1, stripdir=root, prependdir="/")
    compileall.compile_dir(within(root, library), quiet=1, stripdir=root, prependdir="/")


def within(root: Path, path: Path) -> Path:
    """Where an absolute path of the base is in the root file system; its folder is made."""
    target = root / str(path).lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def extensions(folder: Path) -> Iterator[Path]:
    """The shared objects below a folder."""
    yield from (path for path in folder.rglob("*.so*") if path.is_file() and not path.is_symlink())


def libraries(files: Iterable[Path]) -> Iterator[Path]:
    """The shared libraries of the base that programs and shared objects load, the loader among them."""
    for file in files:
        told = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=False).stdout
        for line in told.splitlines():
            found = _LIBRARY.search(line)
            if found is not None and not found[1].startswith(str(file.parents[-2])):
                yield Path(found[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
