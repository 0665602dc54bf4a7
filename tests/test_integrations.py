"""What CI systems are given: current, and its scripts do what they say, run as those systems would run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import pytest
import yaml

from fixtures.lab.build import write_all
from imgscan.configuration.settings import SETTINGS
from scripts.integrations import DOCUMENTS, LEFT_OUT

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    list(write_all(folder))
    return folder


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    """An `imgscan` on the path that is this checkout's, and a home of its own."""
    programs = tmp_path / "imgscan" / "bin"
    programs.mkdir(parents=True)
    program = programs / "imgscan"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m imgscan "$@"\n')
    program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("IMGSCAN_", "GITHUB_", "GIT_"))}
    cache = {"IMGSCAN_CACHE_DIR": os.environ.get("IMGSCAN_CACHE_DIR", str(tmp_path / "cache"))}
    return kept | cache | {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_generated_is_current(name):
    assert (ROOT / name).read_text() == DOCUMENTS[name](), "make docs writes it"


def test_every_setting_is_an_input():
    wanted = {setting.key for setting in SETTINGS} - LEFT_OUT
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    header, job = yaml.safe_load_all((ROOT / "templates/imgscan.yml").read_text())
    assert wanted <= set(action["inputs"])
    assert wanted <= set(header["spec"]["inputs"])
    (job,) = job.values()
    for setting in SETTINGS:
        if setting.key in wanted:
            assert job["variables"][setting.variable] == f"$[[ inputs.{setting.key} ]]"


class Action:
    """The step of action.yml that inspects, as a runner would run it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._action = yaml.safe_load((ROOT / "action.yml").read_text())
        self.outputs: dict[str, str] = {}

    def __call__(self, **inputs: str) -> subprocess.CompletedProcess[str]:
        known = {name: str(about.get("default", "")) for name, about in self._action["inputs"].items()}
        assert set(inputs) <= set(known)
        values = known | inputs
        (step,) = [step for step in self._action["runs"]["steps"] if step.get("id") == "inspect"]
        variables = {
            name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: values[found[1]], text)
            for name, text in step["env"].items()
        }
        output = self._folder / "output"
        output.write_text("")
        script = self._folder / "script.sh"
        script.write_text(step["run"])
        runner = {"RUNNER_TEMP": str(self._folder), "GITHUB_OUTPUT": str(output)}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self._folder,
            env=self._environment | runner | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        self.outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
        return done


@pytest.fixture
def action(tmp_path, environment) -> Action:
    return Action(tmp_path, environment)


def test_the_action_fails_and_leaves_its_documents(action, lab, tmp_path):
    done = action(**{"image": str(lab / "insecure-classic.tar"), "formats": "junit=a.xml\nmarkdown=a.md"})
    assert action.outputs["exit-code"] == "1" == str(done.returncode), done.stderr
    assert json.loads((tmp_path / action.outputs["sarif-file"]).read_text())["version"] == "2.1.0"
    assert xml.etree.ElementTree.parse(tmp_path / "a.xml").getroot().tag == "testsuites"
    assert (tmp_path / "a.md").read_text()
    assert "FAIL" in done.stdout


def test_the_actions_inputs_are_flags_and_never_shell(action, lab, tmp_path):
    done = action(
        **{"image": str(lab / "insecure-classic.tar"), "fail-on": "none", "families": "root-user,healthcheck"}
    )
    assert done.returncode == 0, done.stderr
    done = action(image="$(touch hacked) `touch hacked`; touch hacked #")
    assert done.returncode == 3
    assert not (tmp_path / "hacked").exists()


def test_an_input_that_is_left_empty_leaves_the_policy_of_the_repository(action, lab, tmp_path):
    (tmp_path / "imgscan.toml").write_text('fail-on = "none"\nshow-suppressed = true\n')
    assert action(image=str(lab / "insecure-classic.tar")).returncode == 0


def test_the_component_fails_and_leaves_its_reports(lab, tmp_path, environment):
    _, document = yaml.safe_load_all((ROOT / "templates/imgscan.yml").read_text())
    (job,) = document.values()
    variables = {name: "" if "[[" in text else text for name, text in job["variables"].items()}
    variables["IMAGE"] = str(lab / "insecure-oci.tar")
    script = tmp_path / "script.sh"
    script.write_text("set -e\n" + "\n".join(job["script"]) + "\n")
    done = subprocess.run(["sh", script], cwd=tmp_path, env=environment | variables, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    for kind, name in job["artifacts"]["reports"].items():
        assert (tmp_path / name).stat().st_size > 100, kind


@pytest.mark.parametrize(("image", "accepted"), [("insecure-classic.tar", False), ("multistage-classic.tar", True)])
def test_the_hook_keeps_a_bad_image_from_being_pushed(lab, tmp_path, environment, image, accepted):
    def git(*arguments: str, **options) -> subprocess.CompletedProcess:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.test", "-c", "init.defaultBranch=main")
        return subprocess.run(["git", *identity, *arguments], capture_output=True, text=True, check=False, **options)

    origin, work = tmp_path / "origin.git", tmp_path / "work"
    git("init", "--bare", str(origin))
    git("clone", str(origin), str(work))
    (work / ".git/hooks").mkdir(exist_ok=True)
    hook = work / ".git/hooks/pre-push"
    hook.write_bytes((EXAMPLES / "pre-push").read_bytes())
    hook.chmod(0o755)
    git("commit", "--allow-empty", "--message", "one", cwd=work)
    variables = environment | {"HOOK_IMAGE": str(lab / image)}
    pushed = git("push", "origin", "HEAD:main", cwd=work, env=variables)
    assert (pushed.returncode == 0) == accepted, pushed.stderr
    assert (git("rev-parse", "main", cwd=origin).returncode == 0) == accepted


def test_the_makefile_example_inspects(lab, tmp_path, environment):
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    image = f"IMAGE={lab / 'insecure-classic.tar'}"
    done = subprocess.run(
        ["make", "-f", str(EXAMPLES / "Makefile"), "inspect", image],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2, "make says 2 where a command failed"
    assert (tmp_path / "imgscan.html").exists()


def test_the_pre_commit_hook_is_defined_as_pre_commit_wants_it():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {"id", "name", "entry", "language"} <= set(hook)
    assert hook["entry"].split()[0] == "imgscan"
    assert hook["pass_filenames"] is False


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir() if path.name != "README.md"))
def test_what_examples_ask_of_imgscan_exists(name):
    """Every option of imgscan in an example is one of its command."""
    text = (EXAMPLES / name).read_text().replace("\\\n", " ")
    commands = re.findall(r"imgscan (inspect|baseline)([^\n|]*)", text)
    for command, arguments in commands:
        done = subprocess.run(
            [sys.executable, "-m", "imgscan", command, "--help"], capture_output=True, text=True, check=True, cwd=ROOT
        )
        for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", arguments):
            assert option in done.stdout, option
