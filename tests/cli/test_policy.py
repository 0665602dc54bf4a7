"""The gate as users run it: the file, the variables, ignores and baselines, over real archives."""

import hashlib
import inspect as inspection
import json
import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.cli import main
from imgscan.cli.config import as_document
from imgscan.cli.inspect import inspect
from imgscan.configuration.configuration import configure
from imgscan.configuration.settings import BY_KEY
from imgscan.configuration.writing import with_ignore
from imgscan.errors import UsageError
from tests.cli.conftest import Run
from tests.image_builder import docker_archive_hybrid, executable, image, layer, oci_archive, step

PASSWORD = "Xk9-hunter2prod"
OTHER = "Vt4-winter7prod"
PASSWD = "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/app:/bin/sh\n"


def built(password=PASSWORD, *, before=(), more=None, user="app", labels=None, env="", tools=("gcc",)):
    """An image with a password in a file: layers, lines and what else is in it can be others."""
    files = {"etc/passwd": PASSWD, "bin/sh": executable()} | {f"usr/bin/{name}": executable() for name in tools}
    return image(
        layer(files, created_by="ADD rootfs.tar / "),
        *(layer({name: "x"}, created_by=f"RUN touch {name}") for name in before),
        step(f"USER {user}"),
        layer({"app/.env": f"{env}DB_PASSWORD={password}\n", **(more or {})}, created_by="COPY . . # buildkit"),
        user=user,
        labels=labels or {},
        tags=["app:1"],
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One for all: compiling the patterns takes a second."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def here(tmp_path, monkeypatch, cache):
    """A working directory with an image in it, and nothing said anywhere."""
    for name in ("IMGSCAN_KEY", "IMGSCAN_CONFIG", "IMGSCAN_FAIL_ON"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IMGSCAN_CACHE_DIR", str(cache))
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / ".git").mkdir()
    monkeypatch.chdir(directory)
    docker_archive_hybrid(built(), directory / "app.tar")
    return directory


@pytest.fixture
def run(here, capsys):
    def running(*arguments):
        code = main(arguments)
        return Run(code, *capsys.readouterr())

    return running


@pytest.fixture
def report(run):
    def reporting(*arguments):
        done = run("inspect", *arguments, "-f", "json")
        assert not done.err
        (found,) = json.loads(done.out)["reports"]
        return done.code, found

    return reporting


def problems(found):
    return [problem["code"] for problem in found["problems"]]


# --- the file and the variables


def test_every_option_of_a_scan_can_be_said_once_and_for_all(run):
    exempt = {"images", "show_secrets", "config", "version"}
    parameters = {name.rstrip("_") for name in inspection.signature(inspect).parameters} - exempt
    assert parameters <= {setting.parameter for setting in BY_KEY.values()}


def test_the_file_sets_what_fails_a_variable_is_stronger_and_a_flag_the_strongest(run, here, monkeypatch):
    assert run("inspect", "app.tar").code == 1
    (here / "imgscan.toml").write_text('fail-on = "none"\n')
    assert run("inspect", "app.tar").code == 0
    monkeypatch.setenv("IMGSCAN_FAIL_ON", "high")
    assert run("inspect", "app.tar").code == 1
    assert run("inspect", "app.tar", "--fail-on", "critical").code == 0
    assert run("inspect", "app.tar", "--fail-on", "critical", "--config", "/dev/null").code == 0


def test_a_family_may_fail_alone_and_a_typed_none_means_that_nothing_fails(run, here):
    (here / "imgscan.toml").write_text('fail-on = "none"\n[fail-on-family]\nfile-secret = "high"\n')
    assert run("inspect", "app.tar").code == 1
    (here / "imgscan.toml").write_text('[fail-on-family]\nfile-secret = "high"\n')
    assert run("inspect", "app.tar", "--fail-on", "none").code == 0
    assert run("history", "app.tar").code == 0
    assert run("inspect", "app.tar", "--config", "/dev/null", "--fail-on-family", "file-secret=none").code == 0


@pytest.mark.parametrize("arguments", [("inspect", "app.tar"), ("history", "app.tar"), ("baseline", "app.tar")])
def test_a_wrong_file_ends_the_run_before_it_begins(run, here, arguments):
    (here / "imgscan.toml").write_text('# mine\nfail_on = "low"\n')
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: imgscan.toml:2: there is no key 'fail_on'\ntip: did you mean fail-on?\n"
    assert run(arguments[0], "--help").code == 0


def test_a_typed_switch_is_stronger_than_its_rival_in_the_file(run, here):
    (here / "imgscan.toml").write_text("strict = true\nno-cache = true\n")
    assert run("inspect", "app.tar", "--allow-incomplete", "--verify").code == 1
    assert run("inspect", "app.tar", "--no-strict", "--cache").code == 1
    assert run("inspect", "app.tar", "--strict", "--allow-incomplete", "--config", "/dev/null").code == 2


def test_config_show_tells_each_value_and_where_it_was_said(run, here, monkeypatch):
    monkeypatch.setenv("IMGSCAN_MAX_SIZE", "2 MB")
    monkeypatch.setenv("IMGSCAN_MAXSIZE", "3 MB")
    (here / "imgscan.toml").write_text('fail-on = "low"\n[[ignore]]\nrule = "build-tool"\nreason = "a builder"\n')
    done = run("config", "show")
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    assert ["fail-on", "low", "imgscan.toml:1"] in lines
    assert ["max-size", "2", "MB", "IMGSCAN_MAX_SIZE"] in lines
    assert ["min-confidence", "low", "default"] in lines
    assert "imgscan.toml:2  rule build-tool: a builder" in done.out
    assert "IMGSCAN_MAXSIZE" in done.out
    document = json.loads(run("config", "show", "-f", "json").out)
    assert document["schema"] == "imgscan/1"
    told = {item["key"]: (item["value"], item["source"]) for item in document["config"]["settings"]}
    assert told["fail-on"] == ("low", "imgscan.toml:1")
    assert told["max-size"] == (2_000_000, "IMGSCAN_MAX_SIZE")
    assert set(told) == set(BY_KEY)


def test_config_show_tells_of_a_table_that_is_not_read(run, here):
    (here / "imgscan.toml").write_text('fail-on = "low"\n')
    assert "is not read" not in run("config", "show").out
    (here / "pyproject.toml").write_text('[tool.imgscan]\nfail-on = "none"\n')
    assert "pyproject.toml beside it is not read" in run("config", "show").out


def test_config_show_has_no_key(here, monkeypatch):
    environment = {"IMGSCAN_KEY": "not to be shown"}
    assert "not to be shown" not in json.dumps(as_document(configure(here, environment), environment))


def test_options_of_single_commands_have_variables_too(run, here, monkeypatch):
    docker_archive_hybrid(built(tools=()), here / "before.tar")
    assert run("compare", "before.tar", "app.tar").code == 0
    monkeypatch.setenv("IMGSCAN_FAIL_ON_NEW", "medium")
    assert run("compare", "before.tar", "app.tar").code == 1
    assert run("compare", "before.tar", "app.tar", "--fail-on-new", "critical").code == 0
    unknown = json.loads(run("config", "show", "-f", "json").out)["config"]["unknown_variables"]
    assert "IMGSCAN_FAIL_ON_NEW" not in unknown


def test_formats_of_reports_are_none_of_other_documents(run, here, monkeypatch):
    monkeypatch.setenv("IMGSCAN_FORMAT", "json=report.json,markdown=report.md")
    monkeypatch.setenv("IMGSCAN_OUTPUT", "other.json")
    assert run("baseline", "app.tar").code == 0
    assert run("config", "show").code == 0
    assert not (here / "other.json").exists()
    monkeypatch.delenv("IMGSCAN_OUTPUT")
    assert run("inspect", "app.tar").code == 1
    assert json.loads((here / "report.json").read_text())["reports"]
    assert (here / "report.md").exists()


# --- requirements


def test_what_the_policy_demands_fails_with_its_reason(report, here):
    (here / "imgscan.toml").write_text(
        "max-build-tools = 0\nmax-size = 10\nrequired-user = 'non-root'\nrequired-labels = ['team']\n"
        'allowed-bases = ["debian:*"]\n[severity]\n"*" = "info"\n[fail-on-family]\nfile-secret = "none"\n'
    )
    code, found = report("app.tar")
    demanded = [finding for finding in found["findings"] if finding["rule"].startswith("policy/")]
    assert code == 1
    assert {finding["rule"].partition("/")[2] for finding in demanded} == {
        "build-tools", "image-size", "label", "base-image",
    }  # fmt: skip
    assert any("10 are allowed" in finding["message"] for finding in demanded)
    assert found["verdict"]["failed"]


def test_what_the_policy_demands_is_not_called_new(run, here):
    run("baseline", "app.tar")
    done = run("inspect", "app.tar", "--baseline", ".imgscan-baseline.json", "--max-size", "10")
    assert done.code == 1
    assert "new finding" not in done.out
    assert "on what the policy demands" in done.out


def test_an_image_that_meets_all_that_is_demanded_passes(report, here):
    docker_archive_hybrid(built(labels={"team": "blue"}, tools=()), here / "good.tar")
    (here / "imgscan.toml").write_text(
        "max-build-tools = 0\nmax-size = '1 GB'\nmax-dead-bytes = 0\nrequired-user = 1000\nrequired-labels = ['team']\n"
        'fail-on = "critical"\n'
    )
    code, found = report("good.tar")
    assert [finding for finding in found["findings"] if finding["rule"].startswith("policy/")] == []
    assert code == 0


# --- ignores


def fingerprint_of(found, family):
    return next(f["fingerprint"] for f in found["findings"] if f["rule"].startswith(family))


def test_an_ignored_finding_is_set_aside_with_its_reason_until_its_day_is_over(run, report, here):
    _, before = report("app.tar")
    mark = fingerprint_of(before, "file-secret")
    done = run("ignore", mark, "--reason", "a  test's\nvalue", "--until", "2999-01-01")
    assert (done.code, done.out) == (0, f"imgscan.toml: {mark} is ignored until 2999-01-01\n")
    code, after = report("app.tar")
    assert code == 0
    (item,) = [item for item in after["suppressed"] if item["reason"] == "ignored"]
    assert (item["fingerprint"], item["justification"]) == (mark, "a test's value")
    assert item["by"] == "imgscan.toml:1 until 2999-01-01"
    assert after["summary"]["secrets"] == before["summary"]["secrets"] - 1
    text = (here / "imgscan.toml").read_text()
    (here / "imgscan.toml").write_text(text.replace("2999", "2001"))
    code, found = report("app.tar")
    assert code == 1
    assert problems(found) == ["ignore-expired"]


def test_an_ignore_that_meets_nothing_is_told_by_a_run_that_looked_everywhere(report, here):
    (here / "imgscan.toml").write_text('[[ignore]]\npath = "gone/**"\nreason = "x"\n')
    _, found = report("app.tar")
    assert problems(found) == ["ignore-unused"]
    for narrower in (("--families", "root-user"), ("--depth", "config"), ("--only", "own")):
        assert "ignore-unused" not in problems(report("app.tar", *narrower)[1])


def test_an_ignore_of_a_secret_that_meets_nothing_may_lack_its_key(report, here):
    (here / "imgscan.toml").write_text(f'[[ignore]]\nsecret-id = "{"0" * 24}"\nreason = "x"\n')
    _, found = report("app.tar")
    (problem,) = found["problems"]
    assert "unless its id was made with another key" in problem["message"]


def test_an_ignore_that_one_image_of_several_needs_is_not_told(run, here):
    docker_archive_hybrid(built(tools=()), here / "other.tar")
    (here / "imgscan.toml").write_text('[[ignore]]\nrule = "build-tool"\nreason = "x"\n')
    done = run("inspect", "app.tar", "other.tar", "-f", "json")
    assert [problems(found) for found in json.loads(done.out)["reports"]] == [[], []]


COMMENTED = """\
# The policy: ask #security before you change it.
fail-on = "high"  # for now

[severity]
"image-hygiene/*" = "info"

# Known for long.
[[ignore]]
fingerprint = "0123456789abcdef01234567"
reason = "old"       # really
"""


def test_ignore_keeps_every_comment_and_the_order(run, here):
    (here / "imgscan.toml").write_text(COMMENTED)
    assert run("ignore", "f" * 24, "--reason", "new").code == 0
    text = (here / "imgscan.toml").read_text()
    assert text.startswith(COMMENTED)
    assert tomllib.loads(text)["ignore"][1] == {"fingerprint": "f" * 24, "reason": "new"}
    assert run("ignore", "0123456789abcdef01234567", "--reason", "newer", "--until", "2999-12-31").code == 0
    text = (here / "imgscan.toml").read_text()
    assert [line for line in COMMENTED.splitlines() if "old" not in line and line not in text.splitlines()] == []
    assert len(tomllib.loads(text)["ignore"]) == 2


def test_ignore_writes_into_the_project_file_that_has_the_policy(run, here):
    project = '[project]\nname = "x"  # name\n\n[tool.imgscan]\nfail-on = "low"\n\n[tool.other]\na = 1\n'
    (here / "pyproject.toml").write_text(project)
    assert run("ignore", "f" * 24, "--reason", "why").code == 0
    assert not (here / "imgscan.toml").exists()
    found = tomllib.loads((here / "pyproject.toml").read_text())
    assert found["tool"]["imgscan"] == {"fail-on": "low", "ignore": [{"fingerprint": "f" * 24, "reason": "why"}]}
    assert found["tool"]["other"] == {"a": 1}
    assert 'name = "x"  # name' in (here / "pyproject.toml").read_text()


def test_an_ignore_stands_apart_from_the_table_behind_it(run, here):
    (here / "imgscan.toml").write_text("[severity]\nbuild-tool = 'low'\n")
    (here / "pyproject.toml").write_text("[tool.imgscan]\nfail-on = 'low'\n[tool.other]\na = 1\n")
    for name in ("imgscan.toml", "pyproject.toml"):
        assert run("ignore", "f" * 24, "--reason", "why", "--until", "2999-12-31", "--config", name).code == 0
        assert run("ignore", "f" * 24, "--reason", "other", "--config", name).code == 0
        lines = (here / name).read_text().splitlines()
        assert all(lines[at - 1] == "" for at in range(1, len(lines)) if lines[at].startswith(("[[", "[tool.other")))


@pytest.mark.parametrize(("typed", "written"), [("\udcc3\udca9t\udcc3\udca9", "été"), ("\udcff", "\ufffd")])
def test_reasons_and_notes_are_text_in_any_locale(run, here, typed, written):
    (here / "imgscan.toml").write_text("# a\n")
    assert run("ignore", "f" * 24, "--reason", typed).code == 0
    assert tomllib.loads((here / "imgscan.toml").read_text(encoding="utf-8"))["ignore"][0]["reason"] == written
    run("baseline", "app.tar")
    path = here / ".imgscan-baseline.json"
    mark = json.loads(path.read_text())["entries"][0]["fingerprint"]
    assert run("baseline", "--mark", f"{mark}=false-positive", "--note", typed).code == 0
    assert json.loads(path.read_text())["entries"][0]["note"] == written


def test_an_ignore_leaves_the_ends_of_lines_as_they_are(run, here):
    (here / "imgscan.toml").write_bytes(b'# a\r\nfail-on = "low"  # b\r\n')
    assert run("ignore", "f" * 24, "--reason", "why").code == 0
    written = (here / "imgscan.toml").read_bytes()
    assert written.startswith(b'# a\r\nfail-on = "low"  # b\r\n')
    assert written.count(b"\n") == written.count(b"\r\n") > 4


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("abc", "--reason", "x"), "'abc' is no fingerprint"),
        (("f" * 24, "--reason", "x", "--config", "/dev/null"), "/dev/null keeps nothing"),
        (("f" * 24,), "missing option '--reason'"),
        (("f" * 24, "--reason", " "), "--reason is empty"),
        (("f" * 24, "--reason", "x", "--until", "soon"), "--until cannot be 'soon'"),
        (("f" * 24, "--reason", "x", "--until", "2001-01-01"), "that day is over"),
        (
            ("f" * 24, "--reason", "x", "--config", "/nonexistent/imgscan.toml"),
            "cannot write /nonexistent/imgscan.toml",
        ),
    ],
)
def test_a_wrong_ignore_is_refused_and_nothing_is_written(run, here, arguments, error):
    done = run("ignore", *arguments)
    assert done.code == 2
    assert error in done.err
    assert not (here / "imgscan.toml").exists()


KEYS = st.sampled_from(["a", "b-c", '"d e"'])
LINES = st.lists(
    st.one_of(
        st.tuples(KEYS, st.sampled_from(["1", '"x"  # why', "[1,\n  2]", "{ x = 1 }"])).map(
            lambda p: f"{p[0]} = {p[1]}"
        ),
        KEYS.map(lambda key: f"\n[t.{key}]"),
        st.just("# a comment"),
        st.just("\n[[ignore]]\nrule = 'x'\nreason = 'y' # z"),
        st.just("ignore = [{ rule = 'x', reason = 'y' }]"),
        st.just("[tool.imgscan]\nfail-on = 'low'"),
        st.just("tool.imgscan.strict = true"),
    ),
    max_size=6,
).map("\n".join)


@given(LINES, st.sampled_from([(), ("tool", "imgscan")]))
def test_whatever_a_file_looks_like_an_ignore_is_added_to_it_or_it_is_told_that_it_cannot_be(text, keys):
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    try:
        written = with_ignore(text, keys, "f" * 24, "why", None)
    except UsageError:
        return
    after = tomllib.loads(written)
    for document in (before, after):
        table = document
        for key in keys:
            table = table.setdefault(key, {})
        table.setdefault("ignore", [])
        if document is after:
            assert table["ignore"].pop() == {"fingerprint": "f" * 24, "reason": "why"}
    assert after == before
    assert written.count("#") == text.count("#")


# --- baselines


def test_what_a_baseline_has_fails_no_more_and_what_is_new_does(run, report, here):
    assert report("app.tar")[0] == 1
    done = run("baseline", "app.tar")
    assert done.code == 0
    text = (here / ".imgscan-baseline.json").read_text()
    assert not [PASSWORD[at : at + 6] for at in range(len(PASSWORD) - 5) if PASSWORD[at : at + 6] in text]
    code, found = report("app.tar", "--baseline", ".imgscan-baseline.json")
    assert code == 0
    assert found["findings"] == []
    assert found["baseline"]["absent"] == []
    assert {item["baseline_state"] for item in found["suppressed"]} == {"unchanged"}
    # The same secret in another layer and line, and in another kind of archive.
    rebuilt = built(before=("one", "two"), env="A=1\n\nB=2\n")
    oci_archive(rebuilt, here / "rebuilt.tar")
    code, found = report("rebuilt.tar", "--baseline", ".imgscan-baseline.json", "--families", "file-secret")
    assert (code, found["findings"]) == (0, [])
    docker_archive_hybrid(built(more={"app/prod.env": f"SMTP_PASSWORD={OTHER}\n"}), here / "changed.tar")
    code, found = report("changed.tar", "--baseline", ".imgscan-baseline.json")
    secrets = [finding for finding in found["findings"] if finding["secret"]]
    assert code == 1
    assert [(f["location"]["path"], f["baseline_state"]) for f in secrets] == [("app/prod.env", "new")]


def test_steps_variables_and_layers_between_change_nothing_in_any_family(run, report, here):
    def variant(name, env, between):
        docker_archive_hybrid(
            image(
                layer(
                    {"bin/sh": executable(), "usr/bin/gcc": executable(), "big": "z" * 3_000_000}, created_by="ADD x / "
                ),
                *(layer({name: "x"}, created_by=f"RUN touch {name}") for name in between),
                *(step(f"ENV {pair}") for pair in env),
                layer({"app/.env": f"DB_PASSWORD={OTHER}\n"}, created_by="COPY . /app # buildkit"),
                layer({".wh.big": "", "app/.wh..env": ""}, created_by="RUN /bin/sh -c rm big app/.env # buildkit"),
                env=list(env),
                tags=["y:1"],
            ),
            here / name,
        )

    variant("one.tar", [f"A_PASSWORD={PASSWORD}", "B=2"], [])
    variant("two.tar", ["Z=1", "B=2", f"A_PASSWORD={PASSWORD}"], ["first", "second"])
    run("baseline", "one.tar")
    code, found = report("two.tar", "--baseline", ".imgscan-baseline.json")
    assert (code, found["findings"], found["baseline"]["absent"]) == (0, [], [])
    accepted = {item["rule"].partition("/")[0] for item in found["suppressed"] if item["reason"] == "baseline"}
    assert accepted >= {"env-secret", "history-secret", "file-secret", "build-tool", "root-user", "image-hygiene"}


def test_the_last_line_says_that_what_fails_is_new_and_why_it_fails(run):
    run("baseline", "app.tar")
    with_baseline = ("inspect", "app.tar", "--baseline", ".imgscan-baseline.json")
    assert run(*with_baseline).out.splitlines()[-1] == "PASS  nothing new at high or worse. Exit code 0."
    told = run(*with_baseline, "--required-labels", "team", "--fail-on-family", "account=low").out
    (last,) = re.findall(r"^FAIL .*", told.replace("\n      ", " "), re.MULTILINE)
    assert last == (
        "FAIL  1 high (new; fails on high and worse, account at low, and on what the policy demands). Exit code 1."
    )
    assert "the label team is missing" in " ".join(told.replace("│", " ").split())


def test_another_password_at_the_accepted_place_is_new(run, report, here):
    run("baseline", "app.tar")
    docker_archive_hybrid(built(OTHER), here / "rotated.tar")
    code, found = report("rotated.tar", "--baseline", ".imgscan-baseline.json")
    assert code == 1
    assert [finding["secret"]["name"] for finding in found["findings"]] == ["DB_PASSWORD"]


def test_the_ids_of_secrets_are_the_same_in_every_run_under_one_baseline(run, report, here):
    run("baseline", "app.tar")
    ids = {
        item["secret"]["id"]
        for _ in range(2)
        for item in report("app.tar", "--baseline", ".imgscan-baseline.json", "--no-cache")[1]["suppressed"]
        if item["secret"]
    }
    assert len(ids) == 1
    (here / "imgscan.toml").write_text(f'[[ignore]]\nsecret-id = "{ids.pop()}"\nreason = "known"\n')
    code, found = report("app.tar", "--baseline", ".imgscan-baseline.json")
    assert code == 0
    assert "ignored" in {item["reason"] for item in found["suppressed"]}


def test_a_key_of_ones_own_is_not_written_and_must_be_there_again(run, report, here, monkeypatch):
    monkeypatch.setenv("IMGSCAN_KEY", "a key of mine")
    assert run("baseline", "app.tar").code == 0
    document = json.loads((here / ".imgscan-baseline.json").read_text())
    assert document["salt"] == ""
    assert "a key" not in json.dumps(document)
    assert report("app.tar", "--baseline", ".imgscan-baseline.json")[0] == 0
    monkeypatch.delenv("IMGSCAN_KEY")
    code, found = report("app.tar", "--baseline", ".imgscan-baseline.json")
    assert (code, problems(found)) == (0, ["baseline-key"])
    done = run("baseline", "app.tar")
    assert done.code == 2
    assert "IMGSCAN_KEY" in done.err


def test_entries_that_no_longer_occur_are_told_and_pruned(run, report, here):
    run("baseline", "app.tar")
    docker_archive_hybrid(built(tools=()), here / "smaller.tar")
    _, found = report("smaller.tar", "--baseline", ".imgscan-baseline.json")
    assert problems(found) == ["baseline-absent"]
    assert [entry["rule"].partition("/")[0] for entry in found["baseline"]["absent"]] == ["build-tool"]
    done = run("baseline", "smaller.tar")
    assert "1 that no longer occur" in done.out
    assert "absent: build-tool/" in done.out
    assert len(json.loads((here / ".imgscan-baseline.json").read_text())["entries"]) == len(found["suppressed"]) + 1
    assert "1 removed" in run("baseline", "smaller.tar", "--prune").out
    assert problems(report("smaller.tar", "--baseline", ".imgscan-baseline.json")[1]) == []


def test_two_writings_of_one_baseline_are_the_same_bytes(run, here):
    run("baseline", "app.tar")
    first = (here / ".imgscan-baseline.json").read_bytes()
    run("baseline", "app.tar", "--no-cache")
    assert (here / ".imgscan-baseline.json").read_bytes() == first


def test_the_baseline_of_the_policy_is_the_one_that_is_written_and_read(run, report, here):
    (here / "imgscan.toml").write_text('baseline = "accepted.json"\n')
    done = run("inspect", "app.tar")
    assert done.code == 2
    assert "imgscan baseline IMAGE -o" in done.err
    assert run("baseline", "app.tar").code == 0
    assert (here / "accepted.json").exists()
    assert report("app.tar")[0] == 0


def test_a_baseline_can_be_audited_by_answers_and_by_marks(run, here, monkeypatch):
    run("baseline", "app.tar")
    entries = json.loads((here / ".imgscan-baseline.json").read_text())["entries"]
    count = len(entries)
    answers = iter(["what\n", "y\n", "to be rotated\n", "n\n", "\n", "s\n", "q\n"])
    monkeypatch.setattr("sys.stdin", type("In", (), {"readline": lambda self: next(answers, "")})())
    done = run("baseline", "--audit")
    assert done.code == 0
    assert f"{count - 2} open, 1 true positive, 1 false positive" in done.out
    assert run("baseline", "--mark", f"{entries[2]['fingerprint']}=false-positive", "--note", "test data").code == 0
    after = json.loads((here / ".imgscan-baseline.json").read_text())["entries"]
    assert [(entry["audit"], entry["note"]) for entry in after[:3]] == [
        ("true-positive", "to be rotated"),
        ("false-positive", ""),
        ("false-positive", "test data"),
    ]
    assert run("baseline", "--mark", "x=true-positive").code == 2
    assert run("baseline", "--mark", f"{entries[2]['fingerprint']}=maybe").code == 2
    run("baseline", "app.tar")
    assert json.loads((here / ".imgscan-baseline.json").read_text())["entries"] == after


def test_an_audit_that_is_interrupted_keeps_what_was_answered(run, here, monkeypatch):
    run("baseline", "app.tar")

    class Hands:
        answers = ["y\n", "known\n", "n\n"]  # noqa: RUF012

        def readline(self):
            if not self.answers:
                raise KeyboardInterrupt
            return self.answers.pop(0)

    monkeypatch.setattr("sys.stdin", Hands())
    assert "1 true positive, 0 false positive" in run("baseline", "--audit").out
    entries = json.loads((here / ".imgscan-baseline.json").read_text())["entries"]
    assert [entry["note"] for entry in entries if entry["audit"] == "true-positive"] == ["known"]


def test_what_detect_secrets_accepted_is_taken_over_and_nothing_else(run, report, here):
    rows = [
        {"type": "Secret Keyword", "filename": "x/.env", "hashed_secret": hashlib.sha1(value.encode()).hexdigest(),
         "line_number": 1, "is_secret": False}
        for value in (PASSWORD, "another")
    ]  # fmt: skip
    document = {"version": "1.5.0", "plugins_used": [], "filters_used": [], "results": {"x/.env": rows}}
    (here / ".secrets.baseline").write_text(json.dumps(document))
    done = run("baseline", "app.tar", "--import", ".secrets.baseline")
    assert (done.code, done.err) == (0, "")
    assert "1 entry taken over" in done.out
    assert "not in the image: Secret Keyword in x/.env" in done.out
    (entry,) = json.loads((here / ".imgscan-baseline.json").read_text())["entries"]
    assert (entry["place"], entry["audit"]) == ("app/.env", "false-positive")
    assert PASSWORD not in (here / ".imgscan-baseline.json").read_text()
    code, found = report("app.tar", "--baseline", ".imgscan-baseline.json")
    assert code == 0
    assert {finding["rule"].partition("/")[0] for finding in found["findings"]} != {"file-secret"}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "missing argument 'IMAGE'"),
        (("app.tar", "-o", "/nonexistent/b.json"), "cannot write /nonexistent/b.json"),
        (("app.tar", "--import", "nowhere"), "cannot read nowhere"),
        (("app.tar", "--import", "app.tar"), "app.tar is no baseline of detect-secrets"),
        (("app.tar", "--audit"), "go without an image"),
        (("app.tar", "--note", "x"), "--note says nothing by itself"),
        (("--audit",), "cannot read the baseline"),
        (("--audit", "--note", "x"), "--audit asks for verdicts and notes"),
        (("--audit", "--mark", "x=open"), "--audit asks for verdicts and notes"),
        (("app.tar", "--prune", "--import", "x"), "--import adds entries and --prune removes some"),
    ],
)
def test_a_wrong_request_for_a_baseline_is_told(run, arguments, error):
    done = run("baseline", *arguments)
    assert done.code == 2
    assert error in done.err


def test_a_baseline_is_not_written_of_what_could_not_be_read(run, here):
    data = (here / "app.tar").read_bytes()
    (here / "cut.tar").write_bytes(data[: len(data) * 2 // 3])
    done = run("baseline", "cut.tar")
    assert done.code == 3
    assert not (here / ".imgscan-baseline.json").exists()


def test_a_baseline_of_the_future_ends_the_run(run, here):
    (here / "b.json").write_text('{"schema": "imgscan-baseline/2"}')
    done = run("inspect", "app.tar", "--baseline", "b.json")
    assert (done.code, done.out) == (2, "")
    assert "update imgscan" in done.err


# --- the cache


def test_the_cache_can_be_looked_at_and_emptied(run, tmp_path, monkeypatch):
    monkeypatch.setenv("IMGSCAN_CACHE_DIR", str(tmp_path / "cache"))
    assert "0 B" in run("cache", "info").out
    run("inspect", "app.tar")
    found = json.loads(run("cache", "info", "-f", "json").out)["cache"]
    assert found["kinds"]["scans"]["files"] >= 2
    assert found["kinds"]["other"]["files"] == 0
    assert found["bytes"] == sum(kind["bytes"] for kind in found["kinds"].values())
    assert run("cache", "prune", "--max-size", "lots").code == 2
    assert run("cache", "prune", "--max-size", "1 TB").code == 0
    assert json.loads(run("cache", "info", "-f", "json").out)["cache"] == found
    assert run("cache", "prune").code == 0
    left = json.loads(run("cache", "info", "-f", "json").out)["cache"]["kinds"]
    assert {kind for kind, held in left.items() if held["files"]} <= {"key"}
