"""Plugins of detect-secrets that a user brings: run where their patterns nominate, kinds of their own."""

import pytest

from imgscan.errors import UsageError
from imgscan.secrets.detectors import detectors
from imgscan.secrets.kinds import kind_of
from imgscan.secrets.rules.files import read_rules
from tests.secrets.rules.finding import found_by

PLUGIN = """
import re
from detect_secrets.plugins.base import RegexBasedDetector

class AcmeDetector(RegexBasedDetector):
    secret_type = "Acme Token"
    denylist = [re.compile(r"(?<![a-z])acme-([0-9a-f]{16})(?!x)", re.IGNORECASE)]

    def analyze_string(self, string):
        yield from (each for each in super().analyze_string(string) if not each.startswith("dead"))
"""


def sources(tmp_path, code, path="acme.py"):
    (tmp_path / "acme.py").write_text(code)
    mine = tmp_path / "mine.toml"
    mine.write_text(f'[[detect_secrets_plugins]]\npath = "{path}"\n')
    return read_rules([mine])


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_users_plugin_runs_as_detect_secrets_would_run_it(tmp_path, prefix):
    rules = sources(tmp_path, PLUGIN, f"{prefix}{tmp_path}/acme.py")
    (plugin,) = set(detectors(rules=rules)) - set(detectors())
    text = "a ACME-0123456789abcdef b\nc acme-deadbeef01234567 xacme-0f1e2d3c4b5a6978 d acme-fedcba9876543210x\n"
    found = found_by(plugin, text, "app/x.txt")
    assert [each.value for each in found.values()] == ["0123456789abcdef"]
    assert {each.kind for each in found.values()} == {"acme-token"}
    assert kind_of("acme-token", rules).title == "Acme Token"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def (", "SyntaxError"),
        ("import no_such_package", "no_such_package"),
        ("x = 1", "no plugin"),
        ("class A:\n  secret_type = 'A'\n  def analyze_string(self, s): return ()\n", "no `denylist`"),
        (PLUGIN.replace("acme-([0-9a-f]{16})", "(.*)"), "no part to look for"),
        (PLUGIN.replace("acme-([0-9a-f]{16})", "(acme-x)\\1"), "back-reference"),
    ],
)
def test_what_cannot_be_run_is_told_at_once(tmp_path, code, message):
    with pytest.raises(UsageError, match=message):
        sources(tmp_path, code)


def test_a_plugin_is_a_python_file(tmp_path):
    with pytest.raises(UsageError, match="Python file"):
        sources(tmp_path, PLUGIN, "acme.txt")
