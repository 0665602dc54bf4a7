"""What the benchmark image holds: every member of every layer, and where each secret is planted. No content yet."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

from bench import planted, vocabulary
from bench.planted import Secret

COUNTS_AND_SIZES = {
    "javascript": (29_000, 9_300),
    "python": (17_500, 10_300),
    "json": (12_000, 10_000),
    "text": (14_500, 8_300),
    "empty": (4_000, 0),
    "elf": (1_500, 180_000),
    "blob": (4_000, 18_800),
    "minified": (300, 600_000),
    "utf16": (500, 60_000),
    "gz": (4_000, 3_000),
    "tar.gz": (250, 400_000),
    "zip": (150, 320_000),
    "jar": (200, 340_000),
}
"""Files at scale 1 and their mean size in bytes: 1.5 GB, 15 % of it in the last four."""
NESTED = ("gz", "tar.gz", "zip", "jar")
EXTENSIONS = {
    "javascript": ".js",
    "python": ".py",
    "json": ".json",
    "minified": ".min.js",
    "utf16": ".txt",
    "elf": ".so",
    "blob": ".png",
    "empty": ".pyi",
    "gz": ".gz",
    "tar.gz": ".tar.gz",
    "zip": ".zip",
    "jar": ".jar",
}
SHARES = {0: 0.06, 1: 0.08, 2: 0.80, 3: 0.05, 5: 0.01}
"""Part of the files, so of the bytes, that each layer holds; layer 4 only deletes and overwrites."""
CLEANUP = 4
LAYERS = 6
PLACES = {
    "plain": 84,
    "deleted": 24,
    "overwritten": 16,
    "env-file": 24,
    "key-file": 6,
    "minified": 24,
    "utf16": 20,
    "elf": 24,
    "gz": 16,
    "tar.gz": 24,
    "zip": 20,
    "jar": 16,
    "first-byte": 8,
    "last-byte": 8,
}
"""Secrets per place at full number, 314; further ones are in the config and the history (see `image`)."""
STRUCTURED_ONLY = ("elf", "first-byte", "last-byte")


@dataclass(frozen=True, slots=True)
class Entry:
    """One member to be: `size` is a wish in bytes, `link` the target of a link."""

    path: str
    category: str
    size: int = 0
    mode: int = 0o644
    link: str = ""
    place: str = ""
    secrets: tuple[Secret, ...] = ()


def plan(seed: int, scale: float, secrets: int) -> list[list[Entry]]:
    """The members of each layer, in tar order; `secrets` is the number of planted ones in files, about."""
    random = Random(f"plan {seed}")
    layers: list[list[Entry]] = [[] for _ in range(LAYERS)]
    for category, (count, mean) in COUNTS_AND_SIZES.items():
        for index in range(max(2 if mean > 20_000 else 12, round(count * scale))):
            layer = random.choices(list(SHARES), list(SHARES.values()))[0]
            folder = file_folder(random, category, layer, count * scale)
            layers[layer].append(file_entry(random, category, folder, index, mean))
    plant(random, layers, secrets)
    for number in range(max(2, round(2_000 * scale))):
        layer = random.choices(list(SHARES), list(SHARES.values()))[0]
        if layers[layer]:
            target = random.choice(layers[layer][: 1 + len(layers[layer]) // 2])
            kind = "hardlink" if number % 8 == 0 else "symlink"
            link = target.path if kind == "hardlink" else posixpath.basename(target.path)
            layers[layer].append(Entry(f"{posixpath.dirname(target.path)}/link-{number}", kind, mode=0o777, link=link))
    return [in_tar_order(entries) for entries in layers]


def file_folder(random: Random, category: str, layer: int, count: float) -> str:
    """A realistic directory; about twenty of the `count` files share one, and none spans layers."""
    roots = vocabulary.PATH_PARTS[category]
    directory = random.randrange(max(1, round(count * SHARES[layer] / 20)))
    names = Random(f"{category} {layer} {directory}")
    package = f"{names.choice(vocabulary.WORDS)}-{names.choice(vocabulary.WORDS)}-{layer}{directory}"
    return posixpath.join(names.choice(roots), package, names.choice(("src", "lib", "dist", "internal/core")))


def file_entry(random: Random, category: str, folder: str, index: int, mean: int) -> Entry:
    """A file of about the mean size, by a skewed distribution as in real trees."""
    extension = EXTENSIONS.get(category) or random.choice((".txt", ".md", ".yaml", ".properties", ".po", ".log"))
    name = f"{random.choice(vocabulary.WORDS)}_{random.choice(vocabulary.WORDS)}{index}{extension}"
    size = int(random.lognormvariate(-0.32, 0.8) * mean)  # exp(0.8 ** 2 / 2 - 0.32) = 1: the mean stays
    if category == "minified":
        size = max(size, 200_000)
    mode = 0o755 if category == "elf" else 0o644
    return Entry(posixpath.join(folder, name), category, size, mode)


def plant(random: Random, layers: list[list[Entry]], secrets: int) -> None:
    """Give secrets to members, in place; adds the files that exist only for theirs, and what becomes of some."""
    any_kind = [*planted.STRUCTURED, *planted.NAMED]
    turn = 0
    for place, full in PLACES.items():
        for number in range(max(1, round(full * secrets / sum(PLACES.values())))):
            kinds = list(planted.STRUCTURED) if place in STRUCTURED_ONLY else any_kind
            secret = planted.invent(random, "private-key" if place == "key-file" else kinds[turn % len(kinds)])
            turn += 1
            if place == "env-file":
                added = Entry(f"app/services/unit-{number}/.env", place, 400, 0o600, "", place, (secret,))
                layers[3].append(added)
            elif place == "key-file":
                layers[1].append(Entry(f"etc/ssl/private/unit-{number}.key", place, 0, 0o600, "", place, (secret,)))
            elif place in ("first-byte", "last-byte"):
                layers[2].append(Entry(f"srv/edges/{place}-{number}.txt", place, 3_000, 0o644, "", place, (secret,)))
            else:
                given = give(random, layers, place, secret)
                folder, name = posixpath.split(given.path)
                if place == "deleted":
                    layers[CLEANUP].append(Entry(f"{folder}/.wh.{name}", "empty", mode=0))
                elif place == "overwritten":
                    layers[CLEANUP].append(Entry(given.path, given.category, given.size))


def give(random: Random, layers: list[list[Entry]], place: str, secret: Secret) -> Entry:
    """Put a secret into a file that is there anyway; one that is deleted or overwritten later holds no other."""
    category = random.choice(("javascript", "python", "json", "text")) if place in PLAIN_PLACES else place
    gone = place in ("deleted", "overwritten")
    free = [
        (layer, index)
        for layer in SHARES
        for index, entry in enumerate(layers[layer])
        if entry.category == category and (entry.place == "" if gone else entry.place in ("", place))
        if layer < CLEANUP or not gone
    ]
    layer, index = random.choice(free)
    entry = layers[layer][index]
    layers[layer][index] = replace(entry, place=place, secrets=(*entry.secrets, secret))
    return layers[layer][index]


PLAIN_PLACES = ("plain", "deleted", "overwritten")


def in_tar_order(entries: Iterable[Entry]) -> list[Entry]:
    """Sorted by path with every parent directory before its children; hard links last, after their targets."""
    directories: dict[str, Entry] = {}
    files = sorted(entries, key=lambda entry: (entry.category == "hardlink", entry.path))
    for entry in files:
        parent = posixpath.dirname(entry.path)
        while parent and parent not in directories:
            directories[parent] = Entry(parent, "directory", mode=0o755)
            parent = posixpath.dirname(parent)
    links = [entry for entry in files if entry.category == "hardlink"]
    others = [entry for entry in files if entry.category != "hardlink"]
    return sorted([*directories.values(), *others], key=lambda entry: entry.path) + links
