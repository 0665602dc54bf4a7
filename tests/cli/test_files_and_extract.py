"""`imgscan files` and `imgscan extract` as a user runs them, on archives."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import stat
import subprocess
import sys

import pytest

from imgscan.cli import main
from tests.image_builder import docker_archive_hybrid, hardlink, image, layer, step
from tests.laws import law_7_no_secret_in

SECRET = bytes(range(256)) * 10


@pytest.fixture(autouse=True)
def no_settings(monkeypatch, tmp_path):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "IMGSCAN_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def archive(tmp_path):
    return docker_archive_hybrid(
        image(
            layer({"app/key.der": SECRET, "app/config": "one", "bin/a": "binary"}, created_by="COPY . . # buildkit"),
            layer({"app/.wh.key.der": "", "app/config": "two"}, created_by="RUN /bin/sh -c rm app/key.der # buildkit"),
            layer({"bin/b": hardlink("bin/a")}, created_by="RUN /bin/sh -c ln bin/a bin/b # buildkit"),
        ),
        tmp_path / "image.tar",
    )


@pytest.fixture
def run(capfdbinary):
    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return call


def test_files_tells_layer_instruction_fate_and_digest(run, archive):
    code, out, _ = run("files", archive, "*.der", "-f", "json")
    (found,) = json.loads(out)["images"][0]["files"]
    assert code == 0
    assert (found["path"], found["layer"], found["instruction"]) == ("app/key.der", 0, "COPY . .")
    assert found["fate"] == {"state": "deleted", "layer": 1, "instruction": "RUN rm app/key.der"}
    assert found["digest"] == f"sha256:{hashlib.sha256(SECRET).hexdigest()}"


def test_files_writes_each_format_where_it_belongs(run, archive, tmp_path):
    body, document = tmp_path / "body", tmp_path / "files.json"
    code, out, _ = run("files", archive, "-f", "table", "-f", f"bodyfile={body}", "-f", f"json={document}")
    assert code == 0
    assert b"app/key.der" in out
    assert "/app/key.der (deleted)|" in body.read_text()
    assert json.loads(document.read_text())["images"][0]["totals"]["deleted"] == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--fate", "lost"], "--fate cannot be 'lost'"),
        (["--fate", ","], "--fate names no fate"),
        (["--layer", "7"], "no layer 7"),
        (["--owner", "ghost"], "no user 'ghost'"),
        (["-f", "xml"], "unknown format 'xml'"),
    ],
)
def test_what_files_cannot_select_is_wrong_usage(run, archive, arguments, error):
    code, out, err = run("files", archive, *arguments)
    assert (code, out) == (2, b"")
    assert error in err
    assert err.splitlines()[1].startswith("tip: ")


def test_an_image_that_was_not_read_whole_is_exit_code_3(run, tmp_path):
    whole = layer({"a": "x" * 3000, "b": "y"})
    cut = docker_archive_hybrid(image(layer(whole.tar[:2000])), tmp_path / "cut.tar")
    assert run("files", cut)[0] == 3
    assert run("files", cut, "--allow-incomplete")[0] == 0
    assert "ends within the file: 1,488 of 3,000 bytes" in run("extract", cut, "a")[2]
    assert run("extract", cut, "a", "--allow-incomplete")[:2] == (0, b"x" * 1488)


def test_nobody_reading_any_more_is_no_error(archive):
    command = f"{sys.executable} -m imgscan files {archive} | true"
    done = subprocess.run(
        ["/bin/bash", "-c", f"set -o pipefail; {command}"], capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_extract_gives_the_exact_bytes_and_nothing_else(run, archive):
    assert run("extract", archive, "app/key.der") == (0, SECRET, "")


def test_a_version_is_chosen_by_its_layer(run, archive):
    code, out, err = run("extract", archive, "app/config")
    assert (code, out) == (2, b"")
    assert "layer 0" in err
    assert "layer 1" in err
    assert run("extract", archive, "app/config", "--layer", "0")[1] == b"one"


def test_a_hard_link_is_given_and_told(run, archive):
    code, out, err = run("extract", archive, "bin/b")
    assert (code, out) == (0, b"binary")
    assert "bin/b in layer 2 is a hard link; its bytes are those of bin/a in layer 0" in err


def test_a_file_is_private_and_never_replaces_another_unasked(run, archive, tmp_path):
    target = tmp_path / "key"
    assert run("extract", archive, "app/key.der", "-o", target)[0] == 0
    assert target.read_bytes() == SECRET
    assert stat.S_IMODE(target.stat().st_mode) & 0o077 == 0
    code, _, err = run("extract", archive, "app/config", "--layer", "0", "-o", target)
    assert code == 2
    assert "--force" in err
    assert target.read_bytes() == SECRET
    assert run("extract", archive, "app/config", "--layer", "0", "-o", target, "--force", "-q") == (0, b"", "")
    assert target.read_bytes() == b"one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "image.tar", "key"]


def test_a_symlink_is_never_written_through(run, archive, tmp_path):
    (tmp_path / "victim").write_text("safe")
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    for force in ([], ["--force"]):
        assert run("extract", archive, "app/key.der", "-o", tmp_path / "link", *force)[0] == 2
    assert (tmp_path / "victim").read_text() == "safe"


def test_nothing_is_left_where_nothing_was_recovered(run, archive, tmp_path):
    before = set(tmp_path.iterdir())
    for arguments in (["no/such"], ["app"], ["app/config"]):
        assert run("extract", archive, *arguments, "-o", tmp_path / "x", "--evidence", tmp_path / "bag")[0] == 2
    assert set(tmp_path.iterdir()) - before <= {tmp_path / "cache"}


def test_a_bag_of_evidence_is_complete_and_its_sums_are_right(run, archive, tmp_path):
    directory = tmp_path / "bag"
    code, out, err = run("extract", archive, "app/key.der", "--evidence", directory)
    assert (code, out) == (0, b"")
    assert str(directory) in err
    files = {str(path.relative_to(directory)): path for path in directory.rglob("*") if path.is_file()}
    assert files["bagit.txt"].read_text() == "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    assert files["data/key.der"].read_bytes() == SECRET
    listed = set()
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt", "manifest-md5.txt"):
        for line in files[manifest].read_text().splitlines():
            digest, name = line.split("  ")
            hashed = hashlib.new("md5" if "md5" in manifest else "sha256", files[name].read_bytes())
            assert hashed.hexdigest() == digest
            listed.add(name)
    assert listed | {"tagmanifest-sha256.txt"} == files.keys()
    assert f"Payload-Oxum: {len(SECRET)}.1\n" in files["bag-info.txt"].read_text()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_the_chain_leads_from_the_bytes_to_the_image(run, tmp_path):
    one = layer({"a": "x", "app/key": "secret"}, created_by="COPY . . # buildkit")
    made = image(one, layer({"app/.wh.key": ""}, created_by="RUN /bin/sh -c rm app/key # buildkit"))
    path = docker_archive_hybrid(made, tmp_path / "image.tar")
    assert run("extract", path, "app/key", "--evidence", tmp_path / "bag")[0] == 0
    told = json.loads((tmp_path / "bag" / "metadata.json").read_text())
    chain = told["chain"]
    assert chain["image_id"] == made.image_id
    assert chain["layer"]["diff_id"] == chain["layer"]["diff_id_claimed"] == one.diff_id
    member = chain["member"]
    assert one.tar[member["data_offset"] :][: member["size"]] == b"secret"
    assert chain["history"]["instruction"] == "COPY . ."
    assert told["file"]["fate"] == {"state": "deleted", "layer": 1, "instruction": "RUN rm app/key"}
    assert told["digests"]["sha256"] == hashlib.sha256(b"secret").hexdigest()


def test_equal_evidence_gives_equal_bags(run, archive, tmp_path):
    for name in ("one", "two"):
        run("extract", archive, "app/key.der", "--evidence", tmp_path / name)
    texts = [
        {str(path.relative_to(tmp_path / name)): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    ]
    assert texts[0] == texts[1]


def test_a_bag_takes_no_place_that_is_taken(run, archive, tmp_path):
    (tmp_path / "bag").mkdir()
    (tmp_path / "bag" / "mine").write_text("x")
    code, _, err = run("extract", archive, "app/key.der", "--evidence", tmp_path / "bag")
    assert code == 2
    assert "not empty" in err
    assert [path.name for path in (tmp_path / "bag").iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["../f", "a\nb", "x" * 300, "ümlaut", "-", "%41", ".."])
def test_a_hostile_name_does_not_leave_the_bag(run, tmp_path, name):
    path = docker_archive_hybrid(image(layer({f"d/{name}": "x"})), tmp_path / "image.tar")
    (row,) = json.loads(run("files", path, "-f", "json")[1])["images"][0]["files"]
    assert run("extract", path, row["path"] or "/", "--evidence", tmp_path / "bag")[0] == 0
    (payload,) = (tmp_path / "bag" / "data").iterdir()
    assert payload.read_bytes() == b"x"


def test_binary_does_not_go_to_a_terminal_unasked(archive):
    pty = pytest.importorskip("pty")
    for extra, code in (([], 2), (["--force"], 0)):
        leader, follower = pty.openpty()
        command = [sys.executable, "-m", "imgscan", "extract", str(archive), "app/key.der", *extra]
        done = subprocess.run(command, stdout=follower, stderr=subprocess.PIPE, check=False, timeout=60)
        os.close(follower)
        os.close(leader)
        assert done.returncode == code
        assert (b"not plain text" in done.stderr) == (code == 2)


def test_what_one_of_several_images_quotes_gives_its_own_bytes(run, tmp_path):
    made = [
        image(layer({"app/.env": f"API_KEY=sk-live-{word}\n"}), layer({"app/.wh..env": ""}), tags=[f"app:{word}"])
        for word in ("abc123xyz789", "qrs456tuv012")
    ]
    path = docker_archive_hybrid(made, tmp_path / "both.tar")
    reports = json.loads(run("inspect", path, "-f", "json", "--families", "file-secret")[1])["reports"]
    commands = [report["findings"][0]["recover"] for report in reports]
    assert [run(*shlex.split(command)[1:])[1] for command in commands] == [
        b"API_KEY=sk-live-abc123xyz789\n",
        b"API_KEY=sk-live-qrs456tuv012\n",
    ]


def test_secrets_of_the_metadata_are_in_no_listing_and_no_bag(run, tmp_path):
    password = "hunter2prod-Xk9Vw4"
    made = image(
        layer({"a": "x"}, created_by=f"RUN /bin/sh -c curl -u admin:{password} https://repo.example/x # buildkit"),
        step(f"ENV DB_PASSWORD={password}"),
        layer({".wh.a": ""}, created_by=f"RUN |1 DB_PASSWORD={password} /bin/sh -c rm a # buildkit"),
        env=[f"DB_PASSWORD={password}"],
    )
    path = docker_archive_hybrid(made, tmp_path / "image.tar")
    outputs = [run("files", path, "-f", form)[1] for form in ("table", "json", "bodyfile")]
    assert run("extract", path, "a", "--evidence", tmp_path / "bag")[0] == 0
    outputs += [file.read_bytes() for file in (tmp_path / "bag").rglob("*") if file.is_file()]
    assert any(b"curl" in output for output in outputs)
    law_7_no_secret_in(password, *outputs)
