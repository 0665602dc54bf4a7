"""Commands of the history are read as their words, whatever form they have."""

from __future__ import annotations

from imgscan.pipeline import Options, inspect_image
from tests.image_builder import docker_archive_legacy, image, layer, step

PASSWORD = "Mn4Vq8Zt2Lp6"


def test_a_password_in_exec_form_is_one_secret_in_history_and_config(tmp_path):
    command = ["app", f"--password={PASSWORD}"]
    built = image(
        layer({"a": "b"}), step(f'/bin/sh -c #(nop)  CMD ["app" "--password={PASSWORD}"]'), cmd=command, tags=["a:1"]
    )
    (report,) = inspect_image(str(docker_archive_legacy(built, tmp_path / "a.tar")), Options())
    assert report.summary.secrets == 1
    families = {f.rule.family for f in report.verdict.open if f.secret}
    assert families == {"history-secret", "config-secret"}


def test_settings_are_read_as_such_in_copies_of_their_files_too(tmp_path):
    names = ("app/.env~", "app/env.bak", "app/dotenv", "app/.env.old", "etc/default/app", "app/prod.env.save")
    built = image(layer(dict.fromkeys(names, f"DATABASE_PASSWORD={PASSWORD}\n")), tags=["a:1"])
    (report,) = inspect_image(str(docker_archive_legacy(built, tmp_path / "a.tar")), Options())
    assert {f.location.path for f in report.verdict.open if f.secret} == set(names)
