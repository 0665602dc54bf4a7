"""What the test registry holds: repositories that share a leaky base, a secret in several of them, two platforms."""

from __future__ import annotations

from tests.image_builder import image, layer, provenance, step
from tests.registries.push import push

PASSWORD = "super_secret_password_123"
TOKEN = "sk-live-abc123xyz789"
BASE = layer(
    {"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/base.env": f"DATABASE_PASSWORD={PASSWORD}\n"},
    created_by="ADD rootfs.tar / ",
)
CLEAN_BASE = layer({"etc/passwd": "root:x:0:0::/root:/bin/sh\napp:x:10:10::/:/bin/sh\n"}, created_by="ADD clean.tar / ")
LEAKY = layer({"app/.env": f"API_KEY={TOKEN}\n"}, created_by="COPY . . # buildkit")
GONE = layer({"app/.wh..env": ""}, created_by="RUN /bin/sh -c rm app/.env # buildkit")


def own(name):
    """A layer that no other image has."""
    return layer({f"srv/{name}": f"content of {name}\n" * 20}, created_by=f"COPY {name} /srv/ # buildkit")


def images():
    """(repository, tag) -> the image, or several for an index."""
    health = {"Test": ["CMD", "true"]}
    found = {}
    for version in ("1.0", "1.1"):
        found["shop/web", version] = image(BASE, own(f"web-{version}"), cmd=["sh"])
        found["shop/api", version] = image(BASE, LEAKY, own(f"api-{version}"), cmd=["sh"])
    found["shop/api", "fixed"] = image(BASE, LEAKY, GONE, cmd=["sh"])
    found["team/clean", "latest"] = image(
        CLEAN_BASE, own("clean"), user="app", healthcheck=health, labels={"maintainer": "somebody"}, cmd=["srv/clean"]
    )
    found["team/env", "latest"] = image(CLEAN_BASE, step(f"ENV API_KEY={TOKEN}"), env=[f"API_KEY={TOKEN}"], cmd=["sh"])
    found["team/multi", "latest"] = [
        image(CLEAN_BASE, own("multi"), user="app", healthcheck=health, cmd=["sh"], platform=platform)
        for platform in ("linux/amd64", "linux/arm64")
    ]
    return found


def fill(origin):
    """Push all of it, tagged twice where the name is latest: an image has many names."""
    for (repository, tag), built in images().items():
        options = {"attestations": (provenance({"TOKEN": "abc"}),)} if repository == "team/multi" else {}
        push(origin, repository, tag, built, **options)
        if tag == "1.1":
            push(origin, repository, "latest", built)
