"""The file and the variables: what is found, what is refused with its line, what is stronger than what."""

import contextlib
import json
import re
import tomllib
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from imgscan.configuration import reference
from imgscan.configuration import schema as schemas
from imgscan.configuration.configuration import configure, unknown_variables
from imgscan.configuration.places import lines_of
from imgscan.configuration.policies import policy_of, with_flags
from imgscan.configuration.settings import BY_KEY, SETTINGS, Kind, read
from imgscan.errors import UsageError
from imgscan.report import Origin, Severity
from imgscan.report.requirements import REQUIREMENT_RULES

FULL = """\
# The policy of this project.
schema = "imgscan-config/1"
fail-on = "medium"
fail-on-inherited = "none"
min-confidence = "medium"
baseline = "accepted.json"
max-size = "1.5 GB"
max-dead-bytes = 1000
max-build-tools = 3
allowed-bases = ["debian:*", "registry.example.com/*"]
forbidden-bases = ["*:latest"]
required-labels = ["org.opencontainers.image.source", "team=blue*"]
required-user = 10001
families = ["file-secret", "root-user"]
rules = ["rules/own.toml"]
own-packages = ["@acme/*"]
trust-packages = false
entropy = true
timeout = 30

[fail-on-family]
build-tool = "low"

[severity]
"image-hygiene/*" = "info"
"root-user/implicit" = "low"

[[ignore]]
path = "usr/share/doc/**"
rule = "file-secret"
reason = "examples"
until = 2030-12-31

[[ignore]]
origin = "inherited"
rule = "setuid-file"
reason = "the distribution's"
"""


def configured(tmp_path, text, environment=None, name="imgscan.toml"):
    (tmp_path / name).write_text(text)
    return configure(tmp_path, environment or {})


def refused(tmp_path, text, name="imgscan.toml"):
    with pytest.raises(UsageError) as caught:
        configured(tmp_path, text, name=name)
    assert caught.value.exit_code == 2
    return caught.value


def test_everything_that_can_be_said_reaches_the_policy(tmp_path):
    configuration = configured(tmp_path, FULL)
    policy = policy_of(configuration, today=date(2030, 1, 1))
    assert (policy.fail_on, policy.fail_on_inherited) == (Severity.MEDIUM, Severity.NONE)
    assert policy.fail_on_families == (("build-tool", Severity.LOW),)
    assert dict(policy.severities) == {"image-hygiene/*": Severity.INFO, "root-user/implicit": Severity.LOW}
    assert policy.families == ("root-user", "file-secret")
    assert (policy.own_packages, policy.trust_packages) == (("@acme/*",), False)
    wanted = policy.requirements
    assert (wanted.max_size, wanted.max_dead_bytes, wanted.max_build_tools) == (1_500_000_000, 1000, 3)
    assert (wanted.allowed_bases, wanted.forbidden_bases) == (("debian:*", "registry.example.com/*"), ("*:latest",))
    assert (wanted.labels, wanted.user) == (("org.opencontainers.image.source", "team=blue*"), "10001")
    first, second = policy.ignores
    assert (first.until, first.place) == (date(2030, 12, 31), "imgscan.toml:28")
    assert (second.origin, second.reason) == (Origin.BASE, "the distribution's")
    assert configuration.value("baseline") == "accepted.json"
    assert configuration.value("rules") == ("rules/own.toml",)


def test_files_are_looked_for_beside_the_file_that_names_them(tmp_path):
    (tmp_path / "imgscan.toml").write_text('baseline = "a.json"\nrules = ["/abs/r.toml", "r.toml"]\n')
    (tmp_path / "below").mkdir()
    configuration = configure(tmp_path / "below", {})
    assert configuration.value("baseline") == "../a.json"
    assert configuration.value("rules") == ("/abs/r.toml", "../r.toml")
    (tmp_path / "other").mkdir()
    configuration = configure(tmp_path / "other", {}, str(tmp_path / "below" / ".." / "imgscan.toml"))
    assert Path(str(configuration.value("baseline"))).name == "a.json"


def test_a_flag_is_stronger_than_a_variable_that_than_the_file_that_than_the_default(tmp_path):
    assert configure(tmp_path, {}).in_force("fail-on").source == "default"
    configuration = configured(tmp_path, 'fail-on = "low"\n')
    assert (configuration.value("fail-on"), configuration.in_force("fail-on").source) == ("low", "imgscan.toml:1")
    configuration = configured(tmp_path, 'fail-on = "low"\n', {"IMGSCAN_FAIL_ON": "Medium"})
    assert (configuration.value("fail-on"), configuration.in_force("fail-on").source) == ("medium", "IMGSCAN_FAIL_ON")
    configuration = with_flags(configuration, {"fail-on": "none", "max-size": None})
    assert (configuration.value("fail-on"), configuration.in_force("fail-on").source) == ("none", "--fail-on")


def test_the_nearest_file_upwards_is_read_and_nothing_beyond_the_repository(tmp_path):
    (tmp_path / "imgscan.toml").write_text('fail-on = "low"\n')
    inner = tmp_path / "repository" / "service" / "src"
    inner.mkdir(parents=True)
    assert configure(inner, {}).shown == "../../../imgscan.toml"
    (tmp_path / "repository" / "pyproject.toml").write_text("[tool.black]\nline-length = 100\n")
    assert configure(inner, {}).shown == "../../../imgscan.toml"
    (tmp_path / "repository" / "pyproject.toml").write_text('[tool.imgscan]\nfail-on = "none"\n')
    assert configure(inner, {}).in_force("fail-on").source == "../../pyproject.toml:2"
    (tmp_path / "repository" / "pyproject.toml").unlink()
    (tmp_path / "repository" / ".git").mkdir()
    assert configure(inner, {}).path is None


def test_the_file_of_imgscan_alone_wins_over_the_project_beside_it(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.imgscan]\nfail-on = "none"\n')
    assert configured(tmp_path, 'fail-on = "low"\n').value("fail-on") == "low"


@pytest.mark.parametrize(
    "text",
    [
        "[tool]\nimgscan.fail-on = 'low'\n",
        "tool.imgscan = { fail-on = 'low' }\n",
        "tool = { imgscan = { fail-on = 'low' } }\n",
        "[tool.'imgscan']\nfail-on = 'low'\n",
    ],
)
def test_the_table_of_a_project_file_is_found_however_it_is_written(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    assert configure(tmp_path, {}).value("fail-on") == "low"


def test_a_project_file_that_only_speaks_of_imgscan_has_no_policy(tmp_path):
    (tmp_path / "imgscan.toml").write_text('fail-on = "low"\n')
    (tmp_path / "inner").mkdir()
    about = "'" * 3 + "\n[tool.imgscan]\n" + "'" * 3
    (tmp_path / "inner" / "pyproject.toml").write_text(f"[project]\ndescription = {about}\n")
    assert configure(tmp_path / "inner", {}).shown == "../imgscan.toml"


def test_a_project_file_of_others_that_is_broken_is_none_of_our_business(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.other\n")
    assert configure(tmp_path, {}).path is None


@pytest.mark.parametrize(
    ("text", "error", "tip"),
    [
        ('x = 1\nfail_on = "low"\n', "imgscan.toml:1: there is no key 'x'", "the keys are fail-on"),
        ('fail_on = "low"\n', "imgscan.toml:1: there is no key 'fail_on'", "did you mean fail-on?"),
        (
            '\n[fail-on-family]\nbuild-tol = "low"\n',
            "imgscan.toml:3: fail-on-family cannot be 'build-tol'",
            "did you mean build-tool?",
        ),
        (
            '[severity]\n"build-tool/*" = "low"\n"file-secrt/keyword" = "low"\n',
            "imgscan.toml:3: severity cannot be 'file-secrt/keyword'",
            "did you mean file-secret?",
        ),
        ('[severity]\nbuild-tool = "low"\nhealthcheck = "lo"\n', "imgscan.toml:3: severity cannot be 'lo'", "low?"),
        ('# x\nfail-on = "hihg"\n', "imgscan.toml:2: fail-on cannot be 'hihg'", "did you mean high? the values are"),
        ('max-size = "many"\n', "imgscan.toml:1: max-size cannot be 'many'", "300MB"),
        ("max-size = -1\n", "imgscan.toml:1: max-size cannot be -1", "300MB"),
        ("max-build-tools = 1.5\n", "max-build-tools cannot be 1.5", "whole number"),
        ("timeout = nan\n", "timeout cannot be nan", "above 0"),
        ('strict = "maybe"\n', "strict cannot be 'maybe'", "true or false"),
        ('families = "all"\n', "families cannot be 'all'", "file-secret"),
        ("required-labels = [1]\n", "required-labels cannot be 1", "text"),
        ('format = ["json=x"]\n', "format cannot be said in a file", "--format"),
        ('output = "x"\n', "output cannot be said in a file", "IMGSCAN_OUTPUT"),
        ("show-secrets = true\n", "there is no key 'show-secrets'", ""),
        ('schema = "imgscan-config/2"\n', "imgscan-config/2", "update imgscan"),
        ("[ignore]\nx = 1\n", "ignore is no list", "[[ignore]]"),
        ('[[ignore]]\nreason = "x"\n', "imgscan.toml:1: an ignore without a condition", "fingerprint, rule"),
        ('[[ignore]]\nrule = "x"\n', "imgscan.toml:1: an ignore without a reason", "reason"),
        ('[[ignore]]\nrule = "x"\nreson = "x"\n', "imgscan.toml:3: there is no key 'reson'", "did you mean reason?"),
        (
            '[[ignore]]\nrule = "x"\nreason = "x"\nuntil = "soon"\n',
            "imgscan.toml:4: until cannot be soon",
            "2030-12-31",
        ),
        ('[[ignore]]\nrule = ""\nreason = "x"\n', "imgscan.toml:2: rule cannot be ''", "not empty"),
        ('[[ignore]]\nfingerprint = "x"\nreason = "x"\n', "imgscan.toml:2: 'x' is no fingerprint", "24"),
        (
            '[[ignore]]\norigin = "theirs"\nreason = "x"\n',
            "imgscan.toml:2: origin cannot be 'theirs'",
            "own, inherited",
        ),
        ("a = 1\nfail-on =\n", "imgscan.toml:2: invalid value", "TOML"),
        ("strict = true\nallow-incomplete = true\n", "exclude each other", "leave one"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_key_and_what_is_right(tmp_path, text, error, tip):
    refusal = refused(tmp_path, text)
    assert error in refusal.message
    assert tip in refusal.tip


def test_lines_in_a_project_file_are_those_of_the_whole_file(tmp_path):
    text = '[project]\nname = "x"\n\n[tool.imgscan]\nfail-on = "low"\nmax-sise = 1\n'
    assert refused(tmp_path, text, "pyproject.toml").message == "pyproject.toml:6: there is no key 'max-sise'"


@pytest.mark.parametrize(
    ("name", "value", "tip"),
    [
        ("IMGSCAN_FAIL_ON", "worst", "critical, high, medium, low, none"),
        ("IMGSCAN_MAX_SIZE", "-3", "300MB"),
        ("IMGSCAN_STRICT", "perhaps", "true or false"),
        ("IMGSCAN_FAIL_ON_FAMILY", "build-tool", "NAME=SEVERITY"),
        ("IMGSCAN_TIMEOUT", "inf", "above 0"),
    ],
)
def test_a_wrong_variable_is_told_by_its_name(tmp_path, name, value, tip):
    with pytest.raises(UsageError) as caught:
        configure(tmp_path, {name: value})
    assert caught.value.message == f"{name} cannot be {value!r}"
    assert tip in caught.value.tip


def test_each_setting_has_a_variable(tmp_path):
    texts = {
        Kind.SWITCH: "true", Kind.TEXT: "x", Kind.TEXTS: "a, b", Kind.PATH: "f", Kind.PATHS: "f,g", Kind.SIZE: "2 MiB",
        Kind.COUNT: "7", Kind.SECONDS: "1.5", Kind.LEVELS: "build-tool=low",
    }  # fmt: skip
    for setting in SETTINGS:
        raw = setting.choices[-1] if setting.kind in (Kind.CHOICE, Kind.CHOICES) else texts[setting.kind]
        item = configure(tmp_path, {setting.variable: raw}).in_force(setting.key)
        assert item.source == setting.variable
        assert item.value not in (None, (), "")


def test_an_empty_variable_says_nothing(tmp_path):
    assert configured(tmp_path, 'fail-on = "low"\n', {"IMGSCAN_FAIL_ON": ""}).value("fail-on") == "low"


def test_a_variable_settles_what_it_and_the_file_contradict_each_other_in(tmp_path):
    configuration = configured(tmp_path, "strict = true\n", {"IMGSCAN_ALLOW_INCOMPLETE": "1"})
    assert (configuration.value("strict"), configuration.value("allow-incomplete")) == (False, True)


def test_mistyped_variables_are_known_as_such():
    environment = {"IMGSCAN_FAILON": "low", "IMGSCAN_FAIL_ON": "low", "IMGSCAN_KEY": "x", "PATH": "/bin"}
    assert unknown_variables(environment) == ["IMGSCAN_FAILON"]


@pytest.mark.parametrize("what", ["nowhere.toml", "."])
def test_a_file_that_was_named_and_cannot_be_read_is_an_error(tmp_path, what):
    with pytest.raises(UsageError, match="cannot read"):
        configure(tmp_path, {}, what)


def test_hostile_files_are_refused_and_not_more(tmp_path):
    for data in (b"\xff\xfe", b"[" * 100_000, b"x = [" * 5000 + b"]" * 5000):
        (tmp_path / "imgscan.toml").write_bytes(data)
        with pytest.raises(UsageError):
            configure(tmp_path, {})


def test_no_configuration_at_all_is_asked_for_by_the_empty_device(tmp_path):
    (tmp_path / "imgscan.toml").write_text('fail-on = "low"\n')
    assert configure(tmp_path, {}, "/dev/null").value("fail-on") == "high"


# --- lines


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
SCALARS = st.sampled_from(
    ["1", '"x"', "'''a\nb = 2\n[c]\n'''", '"""\n[[d]]\n"""', '["a",\n "b = 3"]', "{ z = 1 }", '"# no"']
)


@given(st.lists(st.tuples(NAMES, st.dictionaries(NAMES, SCALARS, max_size=4)), max_size=5, unique_by=lambda t: t[0]))
def test_the_line_of_a_key_is_the_one_it_was_written_in(tables):
    lines, wanted = [], {}
    for number, (table, pairs) in enumerate(tables):
        array = number % 2 == 1
        lines.append(f"[[{table}]]  # comment" if array else f"[{table}]")
        place = (table, 0) if array else (table,)
        wanted[place] = len("\n".join(lines).split("\n"))
        for key, value in pairs.items():
            lines.append(f"{key} = {value}")
            wanted[*place, key] = len("\n".join(lines).split("\n")) - value.count("\n")
    text = "\n".join(lines)
    tomllib.loads(text)
    found = lines_of(text)
    assert {place: found.get(place) for place in wanted} == wanted


def test_every_table_of_an_array_has_its_own_lines():
    found = lines_of('[[ignore]]\nrule = "a"\n\n[[ignore]]\nrule = "b"\n[tool.x]\n"quoted key" = 1\n')
    assert found["ignore", 1, "rule"] == 5
    assert found["tool", "x", "quoted key"] == 7


# --- sizes


@given(st.integers(0, 10**15 - 1))
def test_a_size_in_bytes_is_that_number_in_every_spelling(count):
    setting = BY_KEY["max-size"]
    assert read(setting, count, "") == read(setting, str(count), "") == read(setting, f"{count} B", "") == count
    assert read(setting, "3KiB", "") == 3072
    assert read(setting, "1.5 gb", "") == 1_500_000_000


# --- the schema


PUBLISHED = Path(schemas.__file__).with_name("imgscan.schema.json")


def plain(value):
    """What a schema sees: dates are texts."""
    return json.loads(json.dumps(value, default=str))


def test_the_published_schema_is_the_table_of_settings():
    assert PUBLISHED.read_text() == schemas.text(), "python -m imgscan.configuration.schema"
    jsonschema.Draft7Validator.check_schema(schemas.schema())


def test_real_files_fulfil_the_schema():
    jsonschema.validate(plain(tomllib.loads(FULL)), schemas.schema())


@given(
    st.dictionaries(
        st.sampled_from([*BY_KEY, "fail_on", "schema"]),
        st.one_of(
            st.booleans(),
            st.integers(-3, 10),
            st.floats(-2, 5),
            st.sampled_from(["high", "yes", "1 MB", "", "x", "own"]),
            st.lists(st.sampled_from(["root-user", "x", ""]), max_size=2),
            st.dictionaries(st.sampled_from(["build-tool", "x"]), st.sampled_from(["low", "worst"]), max_size=2),
        ),
        max_size=2,
    )
)
def test_what_the_schema_accepts_is_what_is_read(tmp_path_factory, table):
    import tomlkit

    assume(not any(table.keys() >= set(rivals) for rivals in (("strict", "allow-incomplete"), ("no-cache", "verify"))))
    directory = tmp_path_factory.mktemp("config")
    (directory / "imgscan.toml").write_text(tomlkit.dumps(table))
    valid = jsonschema.Draft7Validator(schemas.schema()).is_valid(plain(table))
    loose = any(isinstance(value, str) for value in table.values())
    # What is read is more than the schema asks for: a comma list for a list, capitals, `yes` for true.
    with contextlib.suppress(UsageError) if not valid else contextlib.nullcontext():
        configure(directory, {})
        assert valid or loose


# --- the page about it


PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text()


def test_the_page_has_the_table_of_settings():
    assert reference.table() in PAGE, "python -m imgscan.configuration.reference"


def test_the_file_on_the_page_is_a_right_one(tmp_path):
    (shown,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert policy_of(configured(tmp_path, shown)).requirements.max_build_tools == 0
    jsonschema.validate(plain(tomllib.loads(shown)), schemas.schema())


def test_the_page_names_all_requirements():
    assert {rule.id for rule in REQUIREMENT_RULES} == set(re.findall(r"^\| `(policy/[a-z-]+)`", PAGE, re.MULTILINE))
