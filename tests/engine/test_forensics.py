"""`imgscan files`, `extract` and `compare` against a real engine."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.conftest import SECRET_FILES, Engine, absent, imgscan
from tests.engine.containers import containers_of

HARDENED = {
    "read_only": True,
    "tmpfs": {"/tmp": ""},
    "mem_limit": "128m",
    "nano_cpus": 500_000_000,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
}


@pytest.fixture
def listed(tmp_path):
    def run(*arguments, stdin=None):
        done = imgscan("files", *arguments, "-f", "json", stdin=stdin, XDG_CACHE_HOME=str(tmp_path / "cache"))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["images"][0]["files"]

    return run


@pytest.fixture
def containers(engine):
    yield from containers_of(engine)


def extracted(*arguments: str, stdin: Path | None = None) -> tuple[int, bytes, str]:
    with (stdin or Path("/dev/null")).open("rb") as source:
        done = subprocess.run(
            [sys.executable, "-m", "imgscan", "extract", "--no-cache", *arguments],
            stdin=source, capture_output=True, check=False, timeout=120,
        )  # fmt: skip
    return done.returncode, done.stdout, done.stderr.decode()


def test_present_files_are_what_the_engine_exports(engine: Engine, secret_image, listed):
    exported = {path: member for path, member in engine.exported(secret_image).items() if path}
    present = {one["path"]: one for one in listed(secret_image) if one["fate"]["state"] == "present"}
    # The engine makes these for every container.
    made = {".dockerenv", "dev", "proc", "sys", "etc"} | {
        path for path in exported if path.startswith(("dev/", "proc/", "sys/", "etc/"))
    }
    assert present.keys() - {""} <= exported.keys()
    assert exported.keys() - present.keys() <= made
    for path, one in present.items():
        member = exported.get(path)
        if member is not None and path not in made and member.isfile():
            assert (one["size"], one["mode"]) == (member.size, f"{member.mode & 0o7777:04o}"), path


def test_a_deleted_file_is_recovered_by_every_way_in(engine: Engine, secret_image, tmp_path):
    archive = engine.save(secret_image, tmp_path / "image.tar")
    skopeo = shutil.which("skopeo") or absent("there is no skopeo")
    layout = tmp_path / "layout"
    copy = [skopeo, "--insecure-policy", "copy", "--quiet", f"docker-archive:{archive}", f"oci:{layout}:one"]
    subprocess.run(copy, check=True, capture_output=True)
    secret = SECRET_FILES["app/.env"].encode()
    for reference in (f"docker:{secret_image}", f"archive:{archive}", f"oci:{layout}:one"):
        assert extracted(reference, "app/.env") == (0, secret, ""), reference
    assert extracted("-", "app/.env", stdin=archive) == (0, secret, "")


def test_a_hard_link_of_an_image_in_the_engine_needs_a_second_pass_and_is_given(engine: Engine, secret_image, listed):
    (link,) = listed(secret_image, "app/again.sh")
    code, out, said = extracted(secret_image, "app/again.sh")
    assert (code, out) == (0, SECRET_FILES["app/main.sh"].encode())
    if link["kind"] == "hardlink":
        assert "is a hard link; its bytes are those of" in said
    assert link["digest"] == f"sha256:{hashlib.sha256(out).hexdigest()}"


def test_a_directory_that_was_replaced_still_has_its_old_file(secret_image, listed):
    states = {one["path"]: one["fate"]["state"] for one in listed(secret_image, "srv/old/*")}
    assert states == {"srv/old/file": "deleted", "srv/old/other": "present"}
    assert extracted(secret_image, "srv/old/file")[1] == b"one\n"


def test_a_hardened_container_stands_beside_its_image(containers, secret_image, tmp_path):
    name = containers.run(secret_image, "/bin/sleep", "300", **HARDENED).name
    done = imgscan("compare", secret_image, "--container", name, "-f", "json", XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    image, container = json.loads(done.stdout)["comparison"]["rows"]
    assert (image["kind"], image["constraints"]) == ("image", None)
    assert (container["kind"], container["image"]["image_id"]) == ("container", image["image"]["image_id"])
    assert container["size_difference"]["bytes"] == 0
    for word in ("read-only", "128 MB", "0.5 CPU", "no capabilities"):
        assert word in container["constraints"]
