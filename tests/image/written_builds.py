"""Dockerfiles made up at random, and the histories that builders would write for them.

What a builder writes is told as its sources do: moby's builder/dockerfile for the classic one, BuildKit's
dockerfile2llb, kaniko's commands.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from hypothesis import strategies as st

from imgscan.image.history import join_history
from imgscan.image.image import HistoryEntry, HistoryStep, ImageConfig, Platform

DIGEST = "0eb5ea35741d23fe39cbac245b3a5d84856ed6384f4ff07d496369ee6d960bad"
BUILDERS = ("classic", "buildkit", "kaniko")


@dataclass(frozen=True)
class Made:
    """An instruction: its lines in a Dockerfile, and what each builder writes of it; None where it writes nothing."""

    lines: tuple[str, ...]
    classic: str | None
    buildkit: str | None
    kaniko: str | None

    def by(self, builder: str) -> str | None:
        return getattr(self, builder)


def go_list(words: list[str]) -> str:
    return f"[{' '.join(json.dumps(word) for word in words)}]"


words = st.text("abcdefgxyz0123456789", min_size=1, max_size=6)
names = st.sampled_from(["ALPHA", "BETA", "GAMMA", "DELTA"])
values = st.lists(words, min_size=1, max_size=3).map(" ".join)


@st.composite
def runs(draw) -> Made:
    parts = draw(st.lists(st.lists(words, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=4))
    joiner = draw(st.sampled_from([" ", "\\\n    ", "\\\n    # a comment\n    ", " \\\n\n\t"]))
    written = "RUN " + f" && {joiner}".join(parts)
    command = " && ".join(f"{'' if joiner == ' ' or not number else '    '}{part}" for number, part in enumerate(parts))
    flags = draw(st.sampled_from(["", "--mount=type=cache,target=/c ", "--network=none "]))
    return Made(
        tuple(written.replace("RUN ", f"RUN {flags}", 1).split("\n")),
        f"/bin/sh -c {command}",
        f"RUN /bin/sh -c {command} # buildkit",
        f"RUN {command}",
    )


@st.composite
def exec_runs(draw) -> Made:
    command = draw(st.lists(words, min_size=1, max_size=4))
    text = " ".join(command)
    return Made((f"RUN {json.dumps(command)}",), text, f"RUN {text} # buildkit", f"RUN {json.dumps(command)}")


@st.composite
def heredocs(draw) -> Made:
    body = "".join(f"{line}\n" for line in draw(st.lists(values, min_size=1, max_size=3)))
    lines = ("RUN <<EOF", *body.splitlines(), "EOF")
    return Made(lines, f"/bin/sh -c {body}", f"RUN /bin/sh -c {body} # buildkit", f"RUN {body}")


@st.composite
def copies(draw) -> Made:
    keyword = draw(st.sampled_from(["COPY", "ADD"]))
    sources = draw(st.lists(words, min_size=1, max_size=3))
    target = draw(st.sampled_from(["/a/", "/b", "./", ".", "/srv/"]))
    flags = draw(st.sampled_from(["", "--from=build ", "--chown=1:1 ", "--link "]))
    text = f"{' '.join(sources)} {target}"
    kind = "multi" if len(sources) > 1 else "dir"
    return Made(
        (f"{keyword} {flags}{text}",),
        f"/bin/sh -c #(nop) {keyword} {kind}:{DIGEST} in {target} ",
        f"{keyword} {text} # buildkit",
        f"{keyword} {flags}{text}",
    )


@st.composite
def environments(draw) -> Made:
    keyword = draw(st.sampled_from(["ENV", "LABEL"]))
    pairs = draw(st.lists(st.tuples(names, values), min_size=1, max_size=3))
    quote = draw(st.sampled_from(['"', "'"]))
    written = " \\\n  ".join(f"{name}={quote}{value}{quote}" for name, value in pairs)
    dumped = " ".join(f"{name}={value}" for name, value in pairs)
    return Made(
        tuple(f"{keyword} {written}".split("\n")),
        f"/bin/sh -c #(nop)  {keyword} {dumped}",
        f"{keyword} {dumped}",
        None,
    )


@st.composite
def settings(draw) -> Made:
    word = draw(words)
    command = draw(st.lists(words, min_size=1, max_size=3))
    return draw(
        st.sampled_from(
            [
                _plain("WORKDIR", f"/{word}"),
                _plain("USER", word),
                _plain("STOPSIGNAL", "SIGTERM"),
                _plain("ARG", f"{word}=1"),
                _listed("CMD", command),
                _listed("ENTRYPOINT", command),
                Made(
                    (f"CMD {' '.join(command)}",),
                    f"/bin/sh -c #(nop)  CMD {go_list(['/bin/sh', '-c', ' '.join(command)])}",
                    f"CMD {go_list(['/bin/sh', '-c', ' '.join(command)])}",
                    None,
                ),
                Made(
                    ("EXPOSE 80 443/udp",),
                    "/bin/sh -c #(nop)  EXPOSE 443/udp 80",
                    "EXPOSE map[443/udp:{} 80/tcp:{}]",
                    None,
                ),
            ]
        )
    )


def _plain(keyword: str, text: str) -> Made:
    blanks = " " if keyword == "WORKDIR" else "  "
    return Made((f"{keyword} {text}",), f"/bin/sh -c #(nop){blanks}{keyword} {text}", f"{keyword} {text}", None)


def _listed(keyword: str, command: list[str]) -> Made:
    recorded = f"{keyword} {go_list(command)}"
    return Made((f"{keyword} {json.dumps(command)}",), f"/bin/sh -c #(nop)  {recorded}", recorded, None)


instructions = st.one_of(runs(), exec_runs(), heredocs(), copies(), environments(), settings())


def history(created_by: list[str], builder: str, base: int = 0) -> tuple[HistoryStep, ...]:
    """The steps of an image, of which the classic builder made the first `base`."""
    builders = ["classic"] * base + [builder] * (len(created_by) - base)
    comments, authors = {"buildkit": "buildkit.dockerfile.v0"}, {"kaniko": "kaniko"}
    entries = tuple(
        HistoryEntry("", text, comments.get(by, ""), authors.get(by, ""), True)
        for text, by in zip(created_by, builders, strict=True)
    )
    config = ImageConfig("sha256:0", Platform("linux", "amd64"), history=entries)
    return join_history(config, 0).steps
