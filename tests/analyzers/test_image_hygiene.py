"""Hygiene: what of an image is waste, and what its build could have done better, with amounts and without noise."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.analyzers.image_hygiene_caches import CachesAnalyzer
from imgscan.analyzers.image_hygiene_commands import CommandsAnalyzer
from imgscan.analyzers.image_hygiene_copies import CopiesAnalyzer
from imgscan.analyzers.image_hygiene_files import FilesAnalyzer
from imgscan.analyzers.image_hygiene_settings import SettingsAnalyzer
from imgscan.analyzers.image_hygiene_waste import WasteAnalyzer
from imgscan.base_image import BaseImage
from imgscan.evidence import Confidence
from imgscan.image.image import SourceKind
from imgscan.report import Finding, Origin, Policy, Severity
from tests.analyzers.evidence import evidence_of
from tests.image_builder import directory, executable, file, image, layer, step

BIG = "x" * 1_200_000
APP = {"app/package.json": "{}", "app/app.js": "1", "app/lib/b.js": "2"}


def told(analyzer, *parts, tags=(), reference="", today=None, **config) -> dict[str, Finding]:
    """Findings by what is behind the slash of their rules; each rule once."""
    evidence = evidence_of(image(*parts, **config))
    source = SourceKind.DOCKER if reference else SourceKind.ARCHIVE
    about = replace(evidence.image, tags=tuple(tags), source=source, reference=reference or "x.tar")
    evidence = replace(evidence, image=about, policy=Policy(today=today))
    findings = analyzer.analyze(evidence).findings
    assert all(finding.severity is Severity.LOW for finding in findings)
    by_rule = {finding.rule.id.partition("/")[2]: finding for finding in findings}
    assert len(by_rule) == len(findings)
    return by_rule


def run(text: str, *more, **config) -> dict[str, Finding]:
    return told(CommandsAnalyzer(), layer({"a": "1"}, created_by=f"RUN /bin/sh -c {text} # buildkit"), *more, **config)


# --- bytes that nobody can reach


def test_a_deleted_file_is_told_with_its_bytes_and_both_steps():
    found = told(
        WasteAnalyzer(),
        layer({"a": "1"}, created_by="ADD rootfs.tar / # buildkit"),
        layer({"app/big": BIG}, created_by="COPY . . # buildkit"),
        layer({"app/.wh.big": ""}, created_by="RUN /bin/sh -c rm app/big # buildkit"),
    )["dead-bytes"]
    assert "1.2 MB in 1 file of layer 1 are deleted by layer 2 (`RUN rm app/big`)" in found.message
    assert "app/big" in found.message
    assert found.added_by is not None
    assert found.added_by.instruction == "COPY . ."
    assert found.location.history == 2


def test_what_every_installation_writes_anew_is_no_waste_worth_telling():
    status = "var/lib/dpkg/status"
    assert not told(WasteAnalyzer(), layer({status: BIG}), layer({status: BIG + "y"}))
    assert told(WasteAnalyzer(), layer({"app/data": BIG}), layer({"app/data": BIG + "y"}))


def test_a_little_waste_is_not_told():
    assert not told(WasteAnalyzer(), layer({"a": "x" * 90_000}), layer({".wh.a": ""}))


def test_a_step_that_only_changes_owners_is_told_whatever_its_size():
    found = told(
        WasteAnalyzer(),
        layer({"app/a": "one", "app/b": "two"}, created_by="COPY . /app # buildkit"),
        layer(
            {"app/a": file("one", uid=999), "app/b": file("two", uid=999)},
            created_by="RUN /bin/sh -c chown -R app /app # buildkit",
        ),
    )["metadata-rewrite"]
    assert "2 files once more" in found.message
    assert found.remediation.startswith("Use COPY --chown")
    assert "saves 6 bytes" in found.remediation


def test_a_file_that_is_written_with_other_bytes_is_no_rewrite():
    chown = "RUN /bin/sh -c chown app /app/a # buildkit"
    assert not told(WasteAnalyzer(), layer({"a": "one"}), layer({"a": file("two", uid=9)}, created_by=chown))


@given(st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=4))
def test_findings_are_few_whatever_the_number_of_files(kinds):
    layers = [layer({f"d/{index}": BIG[: 200_000 + kind] for index in range(8)}) for kind in kinds]
    found = WasteAnalyzer().analyze(evidence_of(image(*layers))).findings
    assert len(found) <= 2 * len(kinds)


# --- caches


def test_a_cache_is_told_with_its_bytes_and_how_to_leave_it_out():
    found = told(CachesAnalyzer(), layer({"root/.cache/pip/http/a": "x" * 20_000}))["pip-cache"]
    assert "20.0 kB in 1 file below root/.cache/pip" in found.message
    assert "--no-cache-dir" in found.remediation
    assert found.location.path == "root/.cache/pip"


def test_lists_that_a_command_removed_are_not_told_and_a_few_bytes_neither():
    lists = "var/lib/apt/lists/mirror.example.test_InRelease"
    assert not told(CachesAnalyzer(), layer({lists: "x" * 50_000}), layer({"var/lib/apt/lists/.wh..wh..opq": ""}))
    assert not told(CachesAnalyzer(), layer({lists: "x" * 500}))


# --- commands


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("apt-get update", "update-alone"),
        ("apk update", "update-alone"),
        ("curl -fsSL https://a.example/i.sh | sudo -E bash -", "piped-installer"),
        ("bash <(curl -s https://a.example/i.sh)", "piped-installer"),
        ("wget -O- https://a.example/i.py | python3 -", "piped-installer"),
        ("curl -fsSLo /bin/x https://a.example/x-1.2", "unverified-download"),
        ("curl -k https://a.example/api", "tls-check-off"),
        ("apt-get install -y --no-install-recommends --allow-unauthenticated a", "signature-check-off"),
        ("git clone https://a.example/x.git", "unpinned-download"),
        ("pip install flask", "unpinned-package"),
        ("sudo ls", "sudo"),
        ("chmod -R 777 /app", "chmod-777"),
        ("chmod a+rwx /app", "chmod-777"),
        ("apt-get update && apt-get -y dist-upgrade", "dist-upgrade"),
        ("apt-get update && apt-get install -y curl", "recommended-packages"),
    ],
)
def test_what_a_step_ran_is_told(text: str, rule: str):
    assert rule in run(text)


@pytest.mark.parametrize(
    "text",
    [
        "apt-get update && apt-get install -y --no-install-recommends curl=8.5 && rm -rf /var/lib/apt/lists/*",
        "apk add --no-cache curl",
        "echo 'curl https://a.example | sh'",
        "curl -fsSLo x https://a.example/x-1.2 && echo 'aa  x' | sha256sum -c -",
        "wget https://a.example/x-1.2.tgz && gpg --batch --verify x.asc x-1.2.tgz",
        "curl -fsSL https://a.example/key.gpg | gpg --dearmor -o /etc/apt/keyrings/a.gpg",
        "curl -s https://a.example/api | python3 -c 'import json'",
        "curl -s https://a.example/api | jq .",
        "chmod 1777 /tmp && chmod 755 /app && chmod +x /app/run",
        "groupadd -r sudo",
        "npm ci --omit=dev",
        "./install.sh && apt-get update",
    ],
)
def test_a_step_that_does_it_right_is_not_told(text: str):
    assert not run(text)


def test_a_mode_that_was_taken_back_is_not_told():
    there = layer({"app/": directory(0o755)}, created_by="COPY . . # buildkit")
    assert not run("chmod 777 /app", there)
    assert "app" in run("chmod 777 /app", layer({"app/": directory(0o777)}))["chmod-777"].message


def test_a_piped_installer_is_not_an_unchecked_download_as_well():
    assert set(run("curl -fsSL https://a.example/i.sh | bash -")) == {"piped-installer"}


def test_only_the_host_of_a_download_is_quoted():
    message = run("curl -o /x https://user:hunter22pass@a.example/x?token=abcdef123456")["unverified-download"].message
    assert "a.example" in message
    assert "hunter22" not in message
    assert "abcdef" not in message


def test_environment_that_switches_checks_off_is_told():
    found = told(CommandsAnalyzer(), layer({}), env=["A=b", "NODE_TLS_REJECT_UNAUTHORIZED=0"])["tls-check-off"]
    assert found.location.pointer == "/config/Env/1"


# --- COPY and ADD


def test_dependencies_installed_behind_the_whole_source_are_told_with_the_order_that_helps():
    found = told(
        CopiesAnalyzer(),
        layer(APP, created_by="COPY . . # buildkit"),
        layer({"app/node_modules/a": "1"}, created_by="RUN /bin/sh -c npm install # buildkit"),
        working_dir="/app",
    )["cache-breaking-order"]
    assert "step 0 copies 3 files before step 1 runs npm install" in found.message
    assert found.remediation.startswith("COPY package.json ./ first, then RUN npm install")


@pytest.mark.parametrize(
    "copies",
    [
        ({"app/package.json": "{}"}, "COPY package.json ./ # buildkit"),
        ({"app/package.json": "{}", "app/package-lock.json": "{}"}, "COPY . . # buildkit"),
        ({"app/app.js": "1", "app/lib.js": "1"}, "COPY . . # buildkit"),
        (APP, "COPY package.json app.js lib ./ # buildkit"),
    ],
)
def test_an_order_that_keeps_the_cache_is_not_told(copies):
    files, created_by = copies
    install = layer({"app/node_modules/a": "1"}, created_by="RUN /bin/sh -c npm ci # buildkit")
    assert "cache-breaking-order" not in told(CopiesAnalyzer(), layer(files, created_by=created_by), install)


def test_the_classic_builder_hides_names_and_the_layer_still_tells():
    digest = "a" * 64
    found = told(
        CopiesAnalyzer(),
        layer(APP, created_by=f"/bin/sh -c #(nop) COPY dir:{digest} in /app "),
        layer({"app/node_modules/a": "1"}, created_by="/bin/sh -c npm install"),
    )
    assert "cache-breaking-order" in found


def test_leftovers_are_told_once_with_the_lines_that_keep_them_out():
    files = {**APP, "app/.git/HEAD": "ref: x", "app/.git/config": "x", "app/Dockerfile": "FROM x", "app/README.md": "x"}
    found = told(CopiesAnalyzer(), layer(files, created_by="COPY . . # buildkit"))["context-leftovers"]
    assert "4 files that a .dockerignore would keep out" in found.message
    assert all(line in found.remediation for line in ("'**/.git'", "'**/Dockerfile*'", "'**/*.md'"))


def test_documentation_alone_is_no_leftover():
    assert not told(CopiesAnalyzer(), layer({"app/README.md": "x"}, created_by="COPY . . # buildkit"))


@pytest.mark.parametrize(
    ("files", "created_by", "rule"),
    [
        ({"app/x.js": "1"}, "ADD x.js /app/ # buildkit", "add-instead-of-copy"),
        ({"app/x.js": "1"}, f"/bin/sh -c #(nop) ADD file:{'a' * 64} in /app/ ", "add-instead-of-copy"),
        ({"app/x": "1", "app/y": "1"}, f"/bin/sh -c #(nop) ADD dir:{'a' * 64} in /app/ ", "add-instead-of-copy"),
        ({"app/x.tgz": "1"}, "ADD https://a.example/x.tgz /app/ # buildkit", "add-url"),
        ({"app/x": "1", "app/y": "1"}, "ADD x.tar.gz /app/ # buildkit", None),
        ({"app/x": "1", "app/y": "1"}, f"/bin/sh -c #(nop) ADD file:{'a' * 64} in /app/ ", None),
        ({"app/x.js": "1"}, "COPY x.js /app/ # buildkit", None),
        ({"x.tgz": "1"}, f"ADD --checksum=sha256:{'a' * 64} https://a.example/x.tgz / # buildkit", None),
    ],
)
def test_add_is_told_where_copy_would_have_served(files, created_by: str, rule: str | None):
    base = layer({"etc/os-release": "ID=x"}, created_by=f"/bin/sh -c #(nop) ADD file:{'b' * 64} in / ")
    assert list(told(CopiesAnalyzer(), base, layer(files, created_by=created_by))) == ([rule] if rule else [])


# --- settings


def settings(**config) -> dict[str, Finding]:
    return told(SettingsAnalyzer(), layer({"usr/bin/npm": executable(), "bin/sh": executable()}), **config)


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        ({"tags": ["app:latest"]}, "latest-tag"),
        ({"reference": "app"}, "latest-tag"),
        ({"volumes": ["/etc"]}, "sensitive-volume"),
        ({"volumes": ["/var/run/docker.sock"]}, "sensitive-volume"),
        ({"volumes": ["/proc"]}, "sensitive-volume"),
        ({"exposed_ports": ["80/tcp"]}, "privileged-port"),
        ({"exposed_ports": ["22/tcp"]}, "remote-access-port"),
        ({"working_dir": "/etc"}, "system-workdir"),
        ({"working_dir": "/usr/bin"}, "system-workdir"),
        ({"on_build": ["COPY . ."]}, "on-build"),
        ({"cmd": ["/bin/sh", "-c", "node app.js"]}, "shell-form"),
        ({"cmd": ["npm", "start"]}, "started-by-installer"),
        ({"entrypoint": ["docker-entrypoint.sh"], "cmd": ["npm", "start"]}, "started-by-installer"),
        ({"created": "2020-01-01T00:00:00Z", "today": date(2024, 1, 1)}, "old-image"),
    ],
)
def test_a_setting_is_told(config, rule: str):
    assert rule in settings(**config)


@pytest.mark.parametrize(
    "config",
    [
        {"tags": ["app:latest", "app:1.2"]},
        {"tags": []},
        {"reference": "app:1.2"},
        {"reference": f"app@sha256:{'a' * 64}"},
        {"reference": "registry.example:5000/app:1"},
        {"reference": "0123456789ab"},
        {"volumes": ["/data", "/var/lib/postgresql/data", "/usr/share/nginx/html"]},
        {"exposed_ports": ["8080/tcp", "3000", "x/tcp", "99999/tcp"]},
        {"working_dir": "/usr/src/app"},
        {"working_dir": "/root"},
        {"cmd": ["/bin/sh", "-c", "exec node app.js"]},
        {"cmd": ["bash"]},
        {"cmd": ["node", "app.js"]},
        {"created": "1970-01-01T00:00:00Z", "today": date(2024, 1, 1)},
        {"created": "2023-06-01T00:00:00Z", "today": date(2024, 1, 1)},
        {"created": "2020-01-01T00:00:00Z"},
    ],
)
def test_a_setting_that_is_fine_is_not_told(config):
    assert not settings(**config)


def test_a_missing_working_directory_is_told_where_something_was_copied_to_nowhere_in_particular():
    base = layer({"etc/os-release": "ID=x"})
    assert "no-workdir" in told(SettingsAnalyzer(), base, layer({"x": "1"}, created_by="COPY x . # buildkit"))
    assert not told(SettingsAnalyzer(), base, layer({"app": "1"}, created_by="COPY app /app # buildkit"))
    copied = layer({"srv/x": "1"}, created_by="COPY x . # buildkit")
    assert not told(SettingsAnalyzer(), base, step("WORKDIR /srv"), copied, working_dir="/srv")


# --- files


def test_temporary_files_and_sparse_logs_are_told_with_their_bytes():
    found = told(
        FilesAnalyzer(),
        layer({"tmp/a": "x" * 150_000, "tmp/b/c": "x", "var/tmp/x": "x", "var/log/lastlog": bytes(6_000_000)}),
    )
    assert "2 files below tmp, 150.0 kB" in found["temporary-files"].message
    assert "6.0 MB" in found["sparse-log"].message
    assert set(found) == {"temporary-files", "sparse-log"}


def test_a_file_from_after_the_build_is_told_against_the_images_own_times():
    created = "2024-01-02T03:04:05Z"
    late = file("x", mtime=1_706_000_000)  # 2024-01-23
    assert (
        "21 days later"
        in told(FilesAnalyzer(), layer({"a": late, "b": "x"}), created=created)["future-timestamp"].message
    )
    assert not told(FilesAnalyzer(), layer({"a": late}, created="2024-02-01T00:00:00Z"), created=created)
    assert not told(FilesAnalyzer(), layer({"a": late}, created="1970-01-01T00:00:00Z"), created="0001-01-01T00:00:00Z")
    assert not told(FilesAnalyzer(), layer({"a": file("x", mtime=1_704_200_000)}), created=created)


def test_times_beyond_all_calendars_are_taken():
    assert told(FilesAnalyzer(), layer({"a": file("x", mtime=1 << 60)}))["future-timestamp"]


STATUS = "".join(
    f"Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n"
    for name in ("coreutils", "curl")
)
DPKG = {
    "var/lib/dpkg/status": STATUS,
    "var/lib/dpkg/info/coreutils.list": "/usr/bin/ls\n/usr/bin/cat\n",
    "var/lib/dpkg/info/curl.list": "/usr/bin/curl\n",
    "usr/bin/": "",
    "usr/bin/ls": executable(),
    "usr/bin/cat": executable(),
    "usr/bin/curl": executable(),
}


def test_a_program_of_no_package_among_those_of_the_distribution_is_told():
    added = layer({"usr/bin/kubectl": executable(b"\x7fELF" + bytes(2_000)), "usr/bin/data": file("x")})
    found = told(FilesAnalyzer(), layer(DPKG), added)["unowned-program"]
    assert "1 program of no package: usr/bin/kubectl (2.0 kB)" in found.message
    assert found.added_by is not None
    assert found.added_by.layer == 1


def test_where_no_database_knows_the_programs_none_is_told():
    assert not told(FilesAnalyzer(), layer({"usr/bin/": "", "usr/bin/a": executable(), "usr/bin/b": executable()}))
    assert not told(
        FilesAnalyzer(), layer(DPKG), layer({"usr/local/bin/node": executable(), "usr/bin/policy-rc.d": executable()})
    )


def test_the_tag_is_told_without_the_place_of_the_file():
    found = settings(tags=["/srv/images/app.tar:latest"])["latest-tag"]
    assert "/srv" not in found.message
    assert found.fingerprint == settings(tags=["app:latest"])["latest-tag"].fingerprint


def test_lists_that_only_a_later_step_removed_are_dead_bytes():
    lists = {"var/lib/apt/lists/a_Packages": BIG}
    gone = layer(
        {"var/lib/apt/lists/.wh.a_Packages": ""}, created_by="RUN /bin/sh -c rm -rf /var/lib/apt/lists/* # buildkit"
    )
    assert not told(CachesAnalyzer(), layer(lists), gone)
    assert "dead-bytes" in told(WasteAnalyzer(), layer(lists), gone)


NODE_STEP = """ARCH= && dpkgArch="$(dpkg --print-architecture)" && case "${dpkgArch##*-}" in amd64) ARCH='x64';; \
*) echo "unsupported architecture"; exit 1 ;; esac && export GNUPGHOME="$(mktemp -d)" && set -ex && for key in A B; do \
{ gpg --batch --keyserver hkps://keys.example --recv-keys "$key" && gpg --batch --list-keys "$key"; } || exit 1 ; done \
&& curl -fsSLO --compressed "https://nodejs.example/dist/v$NODE_VERSION/node-v$NODE_VERSION-linux-$ARCH.tar.xz" \
&& curl -fsSLO "https://nodejs.example/dist/v$NODE_VERSION/SHASUMS256.txt.asc" && gpg --batch --decrypt --output \
SHASUMS256.txt SHASUMS256.txt.asc && grep " node.tar.xz\\$" SHASUMS256.txt | sha256sum -c - && tar -xJf node.tar.xz -C \
/usr/local --strip-components=1 && rm node.tar.xz && apt-mark auto '.*' > /dev/null && find /usr/local -type f \
-executable -exec ldd {} ';' | awk '/=>/ { print $(NF-1) }' | sort -u | xargs -r apt-mark manual && apt-get purge -y \
--auto-remove"""
PYTHON_STEP = """set -eux; savedAptMark="$(apt-mark showmanual)"; apt-get update; apt-get install -y \
--no-install-recommends dpkg-dev gcc libc6-dev wget ; wget -O python.tar.xz \
"https://python.example/ftp/python/${PYTHON_VERSION%%[a-z]*}/Python-$PYTHON_VERSION.tar.xz"; echo "$PYTHON_SHA256 \
*python.tar.xz" | sha256sum -c -; mkdir -p /usr/src/python; tar --extract --directory /usr/src/python --file \
python.tar.xz; nproc="$(nproc)"; make -j "$nproc" "EXTRA_CFLAGS=${EXTRA_CFLAGS:-}"; rm -rf /var/lib/apt/lists/*; \
pip3 install --disable-pip-version-check --no-cache-dir "setuptools==65.5.1" 'wheel<0.45' """


@pytest.mark.parametrize("text", [NODE_STEP, PYTHON_STEP])
def test_steps_of_official_images_are_not_told(text: str):
    assert not run(text)


def test_a_long_instruction_is_not_quoted_in_part():
    gone = layer({".wh.a": ""}, created_by=f"RUN /bin/sh -c rm a {'x' * 200} # buildkit")
    assert "xxx" not in told(WasteAnalyzer(), layer({"a": BIG}), gone)["dead-bytes"].message


@pytest.mark.parametrize(("base", "origin"), [(1, Origin.OWN), (2, Origin.BASE)])
def test_dead_bytes_are_of_the_one_who_ended_them(base: int, origin: Origin):
    evidence = evidence_of(image(layer({"a": BIG}), layer({".wh.a": ""})))
    known = BaseImage("x", None, base, base, Confidence.HIGH, "it is there")
    (found,) = WasteAnalyzer().analyze(replace(evidence, base=known)).findings
    assert found.origin is origin


def test_a_history_without_end_is_told_in_bounds_and_that_it_was_cut():
    steps = [step(f"RUN /bin/sh -c sudo x{number} # buildkit") for number in range(150)]
    long = layer({"a": "1"}, created_by=f"RUN /bin/sh -c {'true;' * 6_000} # buildkit")
    outcome = CommandsAnalyzer().analyze(evidence_of(image(*steps, long)))
    assert len(outcome.findings) == 100
    assert {problem.code for problem in outcome.problems} == {"too-many-steps", "too-many-commands"}
