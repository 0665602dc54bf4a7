"""What runs in the process of `layers.matching_apart`: matches where it is told to, until its standard input ends.

A script, not a module: it imports nothing of imgscan, so that it is there in 40 ms.

    arguments    a file descriptor of the shared memory, the directory that hyperscan is imported from
    input        the serialised database behind its length, then requests: offset and length in the shared memory
    output       for each request a count, then as many matches: the end offset times 65,536 plus the nominator's number
"""

from __future__ import annotations

import mmap
import struct
import sys
from array import array


def main() -> None:
    sys.path.append(sys.argv[2])
    import hyperscan  # noqa: PLC0415  # found through the line above

    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    (length,) = struct.unpack("<Q", requests.read(8))
    database = hyperscan.loadb(requests.read(length), mode=hyperscan.HS_MODE_BLOCK)
    scratch = hyperscan.Scratch(database)
    shared = memoryview(mmap.mmap(int(sys.argv[1]), 0, access=mmap.ACCESS_READ))
    found: list[int] = []

    def add(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
        found.append(end << 16 | number)

    while len(request := requests.read(16)) == 16:
        offset, length = struct.unpack("<QQ", request)
        database.scan(shared[offset : offset + length], match_event_handler=add, scratch=scratch)  # type: ignore[type-var]
        found.sort()
        answers.write(struct.pack("<Q", len(found)) + array("Q", found).tobytes())
        answers.flush()
        found.clear()


if __name__ == "__main__":
    main()
