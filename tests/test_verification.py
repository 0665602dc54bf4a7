"""Downloads, checks that are switched off, and what has no version: by the command that a step ran."""

from __future__ import annotations

import pytest

from imgscan.dependencies import installation, manifests_among
from imgscan.unpinned import moving_downloads, unpinned_packages
from imgscan.verification import checks_off, host_of, is_download, signatures_off, variable_off
from tests.test_instructions import ran


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("curl -k https://a.example", ["curl --insecure"]),
        ("curl -fsSLk https://a.example", ["curl --insecure"]),
        ("curl -o k https://a.example", []),
        ("wget --no-check-certificate https://a.example", ["wget --no-check-certificate"]),
        ("git -c http.sslVerify=false clone https://a.example", ["git http.sslVerify=false"]),
        ("git config --global http.sslVerify false", ["git config http.sslVerify false"]),
        ("git config --global http.sslVerify true", []),
        ("npm config set strict-ssl false", ["npm strict-ssl=false"]),
        ("npm config set strict-ssl true", []),
        ("pip install --trusted-host a.example b==1", ["pip --trusted-host"]),
        ("python3 -m pip install --trusted-host=a.example b", ["pip --trusted-host"]),
        ("NODE_TLS_REJECT_UNAUTHORIZED=0 npm ci", ["NODE_TLS_REJECT_UNAUTHORIZED"]),
        ("export GIT_SSL_NO_VERIFY=true", ["GIT_SSL_NO_VERIFY"]),
        ("apt-get -o Acquire::https::Verify-Peer=false update", ["apt Verify-Peer=false"]),
        ("skopeo copy --src-tls-verify=false docker://a dir:b", ["skopeo without TLS checks"]),
        ("echo curl -k https://a.example", []),
        ("chmod -k x", []),
    ],
)
def test_a_check_of_certificates_that_is_off_is_told(text: str, expected: list[str]):
    assert [told for command in ran(text) for told in checks_off(command)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apt-get install -y --allow-unauthenticated curl", ["apt-get --allow-unauthenticated"]),
        ("apk add --allow-untrusted /x.apk", ["apk --allow-untrusted"]),
        ("yum install -y --nogpgcheck curl", ["yum --nogpgcheck"]),
        ("rpm -i --nosignature x.rpm", ["rpm --nosignature"]),
        ("zypper --no-gpg-checks install curl", ["zypper --no-gpg-checks"]),
        ("apt-get install -y curl", []),
    ],
)
def test_a_check_of_signatures_that_is_off_is_told(text: str, expected: list[str]):
    assert [told for command in ran(text) for told in signatures_off(command)] == expected


def test_only_values_that_switch_off_count():
    assert variable_off("NODE_TLS_REJECT_UNAUTHORIZED=0")
    assert not variable_off("NODE_TLS_REJECT_UNAUTHORIZED=1")
    assert not variable_off("PYTHONHTTPSVERIFY")


@pytest.mark.parametrize(
    ("text", "download"),
    [
        ("curl -fsSLo /x https://a.example/x", True),
        ("curl -fsSL https://a.example/x.tgz | tar xz", True),
        ("curl -s https://a.example/x > /x", True),
        ("wget https://a.example/x", True),
        ('curl -o x "$URL"', True),
        ("curl -s https://a.example/api | jq .tag", False),
        ("curl -sI https://a.example/x -o /dev/null", False),
        ("curl -fsSLo /k https://a.example/key.asc", False),
        ("wget --spider https://a.example/x", False),
        ("wget -qO- https://a.example/x", False),
    ],
)
def test_a_download_is_what_stays(text: str, download: bool):
    commands = ran(text)
    assert is_download(commands[0], commands) is download


def test_a_host_is_told_without_what_may_be_secret():
    (command,) = ran("curl https://user:abc123@a.example:8443/x?token=def456")
    assert host_of(command) == "a.example"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pip install flask requests==2.31", ["pip flask"]),
        ("pip3 install --no-cache-dir 'uvicorn[standard]' -i https://a.example", ["pip uvicorn[standard]"]),
        ("pip install -r requirements.txt", []),
        ("pip install .", []),
        ("pip install -c constraints.txt flask", []),
        ("pip install ./a.whl https://a.example/b.whl $PACKAGES", []),
        ("python -m pip install flask", ["pip flask"]),
        ("npm install -g pm2 typescript@5.4.2 npm@latest", ["npm pm2", "npm npm@latest"]),
        ("npm install", []),
        ("npm install express", []),
        ("npm install -g @angular/cli@17.0.1 @nestjs/cli", ["npm @nestjs/cli"]),
        ("yarn global add serve", ["yarn serve"]),
        ("gem install bundler", ["gem bundler"]),
        ("gem install bundler -v 2.5.1", []),
        ("cargo install ripgrep", ["cargo ripgrep"]),
        ("cargo install ripgrep --version 14.0.0", []),
        ("go install github.com/a/tool/cmd/tool@latest", ["go tool"]),
        ("go install github.com/a/tool@v1.2.3", []),
        ("apt-get install curl", []),
    ],
)
def test_packages_of_languages_without_a_version_are_told(text: str, expected: list[str]):
    assert [told for command in ran(text) for told in unpinned_packages(command)] == expected


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("curl -LO https://a.example/releases/latest/download/x.tgz", 1),
        ("curl -LO https://a.example/x/main/install.sh", 1),
        ("curl -LO https://a.example/x-1.2.3.tgz", 0),
        ("curl -LO https://latest.example/x-1.2.3.tgz", 0),
        ("git clone https://a.example/x.git", 1),
        ("git clone --depth 1 --branch v1.2.3 https://a.example/x.git", 0),
        ("git clone -b main https://a.example/x.git", 1),
        ("git clone https://a.example/x.git && git -C x checkout 0123456789abcdef", 0),
    ],
)
def test_addresses_that_move_are_told(text: str, count: int):
    assert len(list(moving_downloads(text, ran(text)))) == count


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("npm install", "npm install"),
        ("npm ci --omit=dev", "npm ci"),
        ("npm install express", None),
        ("npm install -g pm2", None),
        ("npm run build", None),
        ("yarn", "yarn install"),
        ("yarn install --frozen-lockfile", "yarn install"),
        ("pip install -r requirements.txt", "pip install -r requirements.txt"),
        ("pip install --requirement=/app/requirements-prod.txt", "pip install -r requirements-prod.txt"),
        ("pip install flask", None),
        ("bundle install", "bundle install"),
        ("go mod download", "go mod download"),
        ("mvn -B clean package", "mvn"),
        ("./gradlew bootJar", "gradlew"),
        ("composer install --no-dev", "composer install"),
        ("cargo build --release", "cargo build"),
        ("dotnet restore", "dotnet restore"),
    ],
)
def test_installations_by_a_manifest_are_told_from_those_of_named_packages(text: str, told: str | None):
    found = installation(ran(text)[0])
    assert (found.told if found else None) == told


def test_the_manifest_nearest_to_the_root_is_the_projects():
    found = installation(ran("npm install")[0])
    assert found is not None
    paths = ["app/node_modules/a/package.json", "app/package.json", "app/package-lock.json", "app/app.js"]
    assert manifests_among(paths, found) == ("app/package-lock.json", "app/package.json")
