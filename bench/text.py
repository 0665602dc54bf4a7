"""Pools of text and bytes from which files are put together: made once, the same for the same seed."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from random import Random

from bench import vocabulary

SLOT = re.compile(r"<([a-zA-Z]+[0-9]*?)([0-9]*)>")
DIGESTS = {"b64", "hex6", "hex32", "hex40", "uuid"}
"""Kinds of slots whose digits are part of their name; what holds them is drawn less often than other text."""


class Vocabulary:
    """Identifiers and other small values, drawn with the skew of real code: a few are everywhere."""

    def __init__(self, random: Random) -> None:
        words = vocabulary.WORDS
        cumulative = list(accumulate(1 / (rank + 8) for rank in range(len(words))))
        order = random.sample(words, len(words))

        def draw(count: int) -> list[str]:
            return random.choices(order, cum_weights=cumulative, k=count)

        pairs = list(zip(draw(6000), draw(6000), strict=True))
        sensitive = [random.choice(vocabulary.SENSITIVE) for _ in range(120)]
        pairs[:120] = [(first, word) for (first, _), word in zip(pairs, sensitive, strict=False)]
        random.shuffle(pairs)
        singles = draw(2000)
        self.values: dict[str, list[str]] = {
            "w": singles,
            "v": singles + [first + second.capitalize() for first, second in pairs],
            "f": singles + [f"{first}_{second}" for first, second in pairs],
            "C": [first.capitalize() + second.capitalize() for first, second in pairs],
            "K": [f"{first}_{second}".upper() for first, second in pairs],
            "n": [str(random.choice((0, 1, 2, 3, 8, 16, 100, random.randrange(10_000)))) for _ in range(2000)],
            "d": list("123456789"),
            "m": list("abcdefghijklmnopqrstuvwxyz"),
            "uuid": [uuid(random) for _ in range(500)],
            "hex6": [random.randbytes(3).hex() for _ in range(500)],
            "hex32": [random.randbytes(16).hex() for _ in range(3000)],
            "hex40": [random.randbytes(20).hex() for _ in range(500)],
            "b64": [base64.b64encode(random.randbytes(64)).decode()[:86] for _ in range(3000)],
        }
        ordinary, rare = (
            [Template(sentence) for sentence in part] for part in (vocabulary.SENTENCES, vocabulary.SENSITIVE_SENTENCES)
        )
        drawn = [random.choice(rare if random.random() < SENSITIVE_SHARE else ordinary) for _ in range(3000)]
        self.values["s"] = [sentence.render(random, self) for sentence in drawn]


class Template:
    """A text with slots, split once so that filling it costs one draw per slot."""

    def __init__(self, text: str) -> None:
        self.slots: list[tuple[str, str]] = []
        parts, at = [], 0
        for slot in SLOT.finditer(text):
            whole = slot[1] + slot[2]
            kind, number = (whole, "") if whole in DIGESTS else (whole.rstrip("0123456789"), "")
            number = whole[len(kind) :]
            parts.append(text[at : slot.start()].replace("%", "%%") + "%s")
            self.slots.append((kind, number and whole))
            at = slot.end()
        self.weight = 1 if any(kind in DIGESTS for kind, _ in self.slots) else 6
        self.format = "".join(parts) + text[at:].replace("%", "%%")

    def render(self, random: Random, words: Vocabulary) -> str:
        """One filled copy."""
        kept: dict[str, str] = {}
        values = words.values
        filled = []
        for kind, name in self.slots:
            pool = values[kind]
            value = kept.get(name) if name else None
            if value is None:
                value = pool[int(random.random() * len(pool))]
                if name:
                    kept[name] = value
            filled.append(value)
        return self.format % tuple(filled)


@dataclass(frozen=True, slots=True)
class Pools:
    """Blocks of each category, and long runs of bytes to cut binaries from."""

    blocks: dict[str, list[bytes]]
    machine: bytes
    """Sequences drawn from a few thousand short ones, as instructions are in a code section."""
    strings: bytes
    """NUL-terminated names and messages, like a string table."""
    words: Vocabulary


TEMPLATES = {
    "javascript": (vocabulary.JAVASCRIPT, vocabulary.SENSITIVE_JAVASCRIPT),
    "python": (vocabulary.PYTHON, vocabulary.SENSITIVE_PYTHON),
    "json": (vocabulary.JSON, vocabulary.SENSITIVE_JSON),
    "text": (vocabulary.TEXT, vocabulary.SENSITIVE_TEXT),
    "minified": (vocabulary.MINIFIED, vocabulary.SENSITIVE_MINIFIED),
}
SENSITIVE_SHARE = 0.01
"""Blocks and sentences that talk of passwords, keys and tokens; gives the frequencies that `vocabulary` states."""


@lru_cache(maxsize=2)
def pools(seed: int, size: int) -> Pools:
    """The pools for a seed; `size` is in bytes for each category of text."""
    random = Random(f"pools {seed}")
    words = Vocabulary(random)
    blocks = {}
    for category, texts in TEMPLATES.items():
        ordinary, sensitive = ([Template(text) for text in part] for part in texts)
        filled, total = [], 0
        while total < size:
            templates = sensitive if random.random() < SENSITIVE_SHARE else ordinary
            block = (
                random.choices(templates, [template.weight for template in templates])[0].render(random, words).encode()
            )
            filled.append(block)
            total += len(block)
        blocks[category] = filled
    instructions = [random.randbytes(random.randrange(2, 9)) for _ in range(4_000)]
    skew = list(accumulate(1 / (rank + 4) for rank in range(len(instructions))))
    machine = b"".join(random.choices(instructions, cum_weights=skew, k=max(size // 10, 1 << 14)))
    names = random.choices(words.values["f"], k=20_000) + random.choices(words.values["s"], k=3_000)
    random.shuffle(names)
    return Pools(blocks, machine, "\0".join(names).encode(), words)


def uuid(random: Random) -> str:
    """A version 4 UUID's text."""
    digits = random.randbytes(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def compose(random: Random, pool: Pools, category: str, size: int) -> list[bytes]:
    """Blocks of one category that add up to about `size` bytes, at least one."""
    blocks = pool.blocks[category]
    mean = sum(map(len, blocks[:64])) / len(blocks[:64])
    return random.choices(blocks, k=max(1, round(size / mean)))


def elf(random: Random, pool: Pools, size: int) -> list[bytes]:
    """A file that begins like an ELF executable: header, code, zeroed sections, a string table; in pieces."""
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00\x01\x00\x00\x00" + random.randbytes(4) + bytes(36)
    code, text = int(size * 0.62), int(size * 0.2)
    zeros = bytes(max(0, size - code - text - 64))
    return [header, *cut(random, pool.machine, code), zeros, *cut(random, pool.strings, text)]


def cut(random: Random, source: bytes, size: int) -> list[bytes]:
    """Slices of `source` of some KiB each, `size` bytes in all."""
    pieces = []
    while size > 0:
        length = min(size, random.randrange(2048, 16384), len(source))
        start = random.randrange(len(source) - length + 1)
        pieces.append(source[start : start + length])
        size -= length
    return pieces


def blob(random: Random, size: int) -> list[bytes]:
    """Bytes that do not compress behind the signature of a PNG image."""
    return [b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", random.randbytes(max(size - 16, 1))]
