"""One honest file for each format: what is in it, and what must be found. All values are invented."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from urllib.parse import quote

from tests.secrets.forms import pem

PASSWORD = "Tr4verse-Qm7zLp"
OTHER = "Kd9w-harbour-52x"
TOKEN = "q7Zr2Vt9Lp4Ws6Xy8Nb3Kd5Hf1Jg0Tc"
HEX32 = "8f3a1c5e7b9d2f4a6c8e0b1d3f5a7c9e"


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


@dataclass(frozen=True)
class Found:
    """What a candidate must be; `spelled` is what stands in the file where that is not the value."""

    kind: str
    name: str | None
    value: str
    spelled: str | None = None


@dataclass(frozen=True)
class Sample:
    format: str
    path: str
    text: str
    found: tuple[Found, ...]


def one(form: str, path: str, text: str, *found: str | None) -> Sample:
    return Sample(form, path, text, (Found(*found),))


AUTH = b64(f"deploy:{PASSWORD}")
MARKED = {"outputs": {"dsn": {"value": PASSWORD, "type": "string", "sensitive": True}, "host": {"value": "db.corp.io"}}}
STATE = MARKED | {
    "resources": [
        {
            "mode": "managed",
            "type": "aws_db_instance",
            "name": "main",
            "instances": [
                {
                    "attributes": {"password": OTHER, "username": "app", "blob": TOKEN},
                    "sensitive_attributes": [[{"type": "get_attr", "value": "blob"}]],
                }
            ],
        }
    ]
}
SVN = (
    f"K 8\npasstype\nV 6\nsimple\nK 8\npassword\nV {len(PASSWORD)}\n{PASSWORD}\nK 15\nsvn:realmstring\nV 4\nrepo\nEND\n"
)
JENKINS = f"""<?xml version='1.1' encoding='UTF-8'?>
<com.cloudbees.plugins.credentials.SystemCredentialsProvider><list><user>
<id>deploy</id><username>bot</username><password>{PASSWORD}</password></user>
<user><id>old</id><password>{{AQAAABAAAAAQx8Zr2Vt9Lp4Ws6Xy8Nb3KQ==}}</password></user>
</list></com.cloudbees.plugins.credentials.SystemCredentialsProvider>"""
MAVEN = f"""<settings xmlns="http://maven.apache.org/SETTINGS/1.0.0"><servers><server><id>nexus</id><username>ci</username>
<password>{PASSWORD}</password></server><server><password>{{jSMOWnoPFgsHVpMvz5VrIt5kRbzGpI8u+9EF1iFQyJQ=}}</password>
<id>old</id></server></servers></settings>"""
NUGET = f"""<configuration><packageSourceCredentials><internal_x0020_feed><add key="Username" value="ci" />
<add key="ClearTextPassword" value="{PASSWORD}&amp;1" />
</internal_x0020_feed></packageSourceCredentials></configuration>"""
FILEZILLA = f"""<FileZilla3><Servers><Server><Host>ftp.corp.io</Host><User>www</User>
<Pass encoding="base64">{b64(PASSWORD)}</Pass></Server></Servers></FileZilla3>"""
KUBECONFIG = f"""apiVersion: v1
kind: Config
users:
- name: admin
  user:
    token: {TOKEN}
- user:
    client-key-data: {b64(pem())}
    client-certificate-data: {b64("-----BEGIN CERTIFICATE-----")}
  name: cert
"""

SAMPLES: tuple[Sample, ...] = (
    one(
        "docker-config",
        "root/.docker/config.json",
        json.dumps({"auths": {"registry.corp.io": {"auth": AUTH}}, "credsStore": "desktop"}),
        "docker-auth",
        "deploy@registry.corp.io",
        PASSWORD,
        AUTH,
    ),
    Sample(
        "kubeconfig",
        "root/.kube/config",
        KUBECONFIG,
        (
            Found("kubeconfig-credential", "admin/token", TOKEN),
            Found("private-key", "cert", pem(), b64(pem())),
        ),
    ),
    one(
        "aws-credentials",
        "home/a/.aws/credentials",
        f"[prod]\naws_access_key_id = AKIAQ3EGVZTTKYZ7OPQR\naws_secret_access_key = {TOKEN}/abcdefg1\n",
        "aws-secret-key",
        "prod/aws_secret_access_key",
        f"{TOKEN}/abcdefg1",
    ),
    one(
        "aws-token-cache",
        "root/.aws/sso/cache/0a1b.json",
        json.dumps({"startUrl": "https://x.awsapps.com", "accessToken": TOKEN}),
        "aws-session-token",
        "accessToken",
        TOKEN,
    ),
    one(
        "boto",
        "root/.boto",
        f"[Credentials]\ngs_oauth2_refresh_token={TOKEN}\n",
        "gcp-refresh-token",
        "Credentials/gs_oauth2_refresh_token",
        TOKEN,
    ),
    one(
        "s3cmd",
        "root/.s3cfg",
        f"[default]\naccess_key = AKIA1\nsecret_key = {TOKEN}\n",
        "aws-secret-key",
        "default/secret_key",
        TOKEN,
    ),
    one(
        "gcloud",
        "root/.config/gcloud/application_default_credentials.json",
        json.dumps({"type": "authorized_user", "client_id": "7.apps.googleusercontent.com", "refresh_token": TOKEN}),
        "gcp-refresh-token",
        "refresh_token",
        TOKEN,
    ),
    one(
        "azure",
        "root/.azure/msal_token_cache.json",
        json.dumps({"RefreshToken": {"u.t-rt": {"secret": TOKEN}}}),
        "azure-token",
        "RefreshToken/u.t-rt/secret",
        TOKEN,
    ),
    one(
        "doctl",
        "root/.config/doctl/config.yaml",
        f"access-token: {TOKEN}\ncontext: default\n",
        "tool-credential",
        "access-token",
        TOKEN,
    ),
    one(
        "wrangler",
        "root/.wrangler/config/default.toml",
        f'oauth_token = "{TOKEN}"\nexpiration_time = "2024"\n',
        "tool-credential",
        "oauth_token",
        TOKEN,
    ),
    one(
        "databricks",
        "root/.databrickscfg",
        f"[DEFAULT]\nhost = https://x\ntoken = {TOKEN}\n",
        "tool-credential",
        "DEFAULT/token",
        TOKEN,
    ),
    one("fly", "root/.fly/config.yml", f"access_token: {TOKEN}\n", "tool-credential", "access_token", TOKEN),
    one(
        "minio",
        "root/.mc/config.json",
        json.dumps({"aliases": {"s": {"url": "x", "secretKey": TOKEN}}}),
        "tool-credential",
        "aliases/s/secretKey",
        TOKEN,
    ),
    one(
        "pulumi",
        "root/.pulumi/credentials.json",
        json.dumps({"accessTokens": {"https://api.pulumi.com": TOKEN}}),
        "tool-credential",
        "accessTokens/https://api.pulumi.com",
        TOKEN,
    ),
    one(
        "snowsql",
        "root/.snowsql/config",
        f"[connections.dev]\nusername = me\npassword = {PASSWORD}\n",
        "tool-credential",
        "connections.dev/password",
        PASSWORD,
    ),
    one(
        "dbt",
        "root/.dbt/profiles.yml",
        f"shop:\n  outputs:\n    dev:\n      user: a\n      password: {PASSWORD}\n",
        "tool-credential",
        "shop/outputs/dev/password",
        PASSWORD,
    ),
    one(
        "kaggle",
        "root/.kaggle/kaggle.json",
        json.dumps({"username": "a", "key": HEX32}),
        "tool-credential",
        "key",
        HEX32,
    ),
    one(
        "github-cli",
        "root/.config/gh/hosts.yml",
        f"github.com:\n    user: a\n    oauth_token: {TOKEN}\n",
        "github-token",
        "github.com/oauth_token",
        TOKEN,
    ),
    one(
        "gitlab-cli",
        "root/.config/glab-cli/config.yml",
        f"hosts:\n  gitlab.com:\n    token: {TOKEN}\n    user: a\n",
        "gitlab-token",
        "hosts/gitlab.com/token",
        TOKEN,
    ),
    Sample(
        "npmrc",
        "root/.npmrc",
        f"registry=https://npm.corp.io/\n//npm.corp.io/:_authToken={TOKEN}\n//old.corp.io/:_password={b64(PASSWORD)}\n"
        f"_auth={AUTH}\n",
        (
            Found("npm-token", "npm.corp.io", TOKEN),
            Found("npm-password", "old.corp.io", PASSWORD, b64(PASSWORD)),
            Found("npm-password", "deploy", PASSWORD, AUTH),
        ),
    ),
    Sample(
        "yarnrc",
        "app/.yarnrc.yml",
        f'npmRegistries:\n  "https://npm.corp.io":\n    npmAuthToken: {TOKEN}\n    npmAuthIdent: "{AUTH}"\n',
        (
            Found("npm-token", "https://npm.corp.io", TOKEN),
            Found("npm-password", "deploy@https://npm.corp.io", PASSWORD, AUTH),
        ),
    ),
    one(
        "pip-conf",
        "etc/pip.conf",
        f"[global]\nindex-url = https://ci:{quote('a@b/' + PASSWORD, '')}@pypi.corp.io/simple\n",
        "pip-credentials",
        "ci@pypi.corp.io",
        "a@b/" + PASSWORD,
        quote("a@b/" + PASSWORD, ""),
    ),
    one(
        "pypirc",
        "root/.pypirc",
        f"[internal]\nusername: ci\npassword: {PASSWORD}\n",
        "pip-credentials",
        "internal",
        PASSWORD,
    ),
    one(
        "poetry",
        "root/.config/pypoetry/auth.toml",
        f'[http-basic.internal]\nusername = "a"\npassword = "{PASSWORD}"\n',
        "pip-credentials",
        "http-basic.internal/password",
        PASSWORD,
    ),
    Sample(
        "maven",
        "root/.m2/settings.xml",
        MAVEN,
        (
            Found("maven-password", "nexus/password", PASSWORD),
            Found("encrypted-credential", "old/password (encrypted)", "{jSMOWnoPFgsHVpMvz5VrIt5kRbzGpI8u+9EF1iFQyJQ=}"),
        ),
    ),
    one(
        "gradle",
        "root/.gradle/gradle.properties",
        f"org.gradle.jvmargs=-Xmx2g\nnexusPassword={PASSWORD}\n",
        "gradle-credentials",
        "nexusPassword",
        PASSWORD,
    ),
    one(
        "nuget",
        "root/.nuget/NuGet/NuGet.Config",
        NUGET,
        "nuget-password",
        "internal feed",
        PASSWORD + "&1",
        PASSWORD + "&amp;1",
    ),
    one(
        "composer",
        "root/.composer/auth.json",
        json.dumps({"http-basic": {"repo.corp.io": {"username": "a", "password": PASSWORD}}}),
        "composer-auth",
        "http-basic/repo.corp.io/password",
        PASSWORD,
    ),
    one(
        "cargo",
        "root/.cargo/credentials.toml",
        f'[registry]\ntoken = "{TOKEN}"\n',
        "cargo-token",
        "registry/token",
        TOKEN,
    ),
    one(
        "rubygems",
        "root/.gem/credentials",
        f"---\n:rubygems_api_key: {TOKEN}\n",
        "rubygems-token",
        ":rubygems_api_key",
        TOKEN,
    ),
    one(
        "netrc",
        "root/.netrc",
        f"machine api.corp.io\n  login ci\n  password {PASSWORD}\nmacdef x\n  password no\n\n",
        "netrc-password",
        "ci@api.corp.io",
        PASSWORD,
    ),
    one(
        "git-credentials",
        "root/.git-credentials",
        f"https://ci:{PASSWORD}%21@git.corp.io\n",
        "git-credentials",
        "ci@git.corp.io",
        PASSWORD + "!",
        PASSWORD + "%21",
    ),
    one(
        "pgpass",
        "root/.pgpass",
        f"# a comment: x:x:x:x\ndb.corp.io:5432:shop:app:{PASSWORD}\\:1\n",
        "pgpass-password",
        "app@db.corp.io",
        PASSWORD + ":1",
        PASSWORD + "\\:1",
    ),
    one(
        "mycnf",
        "root/.my.cnf",
        f'[client]\nuser=root\npassword="{PASSWORD}"\n',
        "mycnf-password",
        "client/password",
        PASSWORD,
    ),
    one("subversion", "root/.subversion/auth/svn.simple/0a1b", SVN, "tool-credential", "repo", PASSWORD),
    one(
        "filezilla",
        "root/.config/filezilla/sitemanager.xml",
        FILEZILLA,
        "tool-credential",
        "www@ftp.corp.io",
        PASSWORD,
        b64(PASSWORD),
    ),
    one(
        "sftp",
        "app/.vscode/sftp.json",
        json.dumps({"host": "h", "password": PASSWORD}),
        "tool-credential",
        "password",
        PASSWORD,
    ),
    one(
        "sasl-passwd",
        "etc/postfix/sasl_passwd",
        f"[smtp.corp.io]:587 mailer:{PASSWORD}\n",
        "mail-password",
        "mailer@[smtp.corp.io]:587",
        PASSWORD,
    ),
    one(
        "mail",
        "root/.msmtprc",
        f"account a\n# password example\npassword {PASSWORD}\n",
        "mail-password",
        None,
        PASSWORD,
    ),
    Sample(
        "terraform-state",
        "app/terraform.tfstate",
        json.dumps(STATE, indent=1),
        (
            Found("terraform-state-secret", "output dsn", PASSWORD),
            Found("terraform-state-secret", "aws_db_instance.main.password", OTHER),
            Found("terraform-state-secret", "aws_db_instance.main.blob", TOKEN),
        ),
    ),
    one(
        "terraform-rc",
        "root/.terraformrc",
        f'credentials "app.terraform.io" {{\n  token = "{TOKEN}"\n}}\n',
        "terraform-token",
        "app.terraform.io",
        TOKEN,
    ),
    one(
        "terraform-login",
        "root/.terraform.d/credentials.tfrc.json",
        json.dumps({"credentials": {"app.terraform.io": {"token": TOKEN}}}),
        "terraform-token",
        "credentials/app.terraform.io/token",
        TOKEN,
    ),
    Sample(
        "wordpress",
        "var/www/html/wp-config.php",
        f"<?php\ndefine( 'DB_PASSWORD', '{PASSWORD}\\'' );\ndefine('AUTH_KEY',  '{TOKEN * 2}');\n"
        "define('NONCE_KEY', 'put your unique phrase here');\n",
        (
            Found("framework-secret", "DB_PASSWORD", PASSWORD + "'", PASSWORD + "\\'"),
            Found("wordpress-salt", "AUTH_KEY", TOKEN * 2),
        ),
    ),
    one(
        "django",
        "app/shop/settings.py",
        f'DEBUG = True\nSECRET_KEY = "{TOKEN}"\nALLOWED_HOSTS = ["x"]\n',
        "django-secret-key",
        "SECRET_KEY",
        TOKEN,
    ),
    one("rails-key", "app/config/master.key", HEX32 + "\n", "rails-master-key", None, HEX32),
    one(
        "rails-encrypted",
        "app/config/credentials.yml.enc",
        "oqm7zLpTr4verse0Kd9w==--q7Zr2Vt9Lp4W--s6Xy8Nb3Kd5Hf1Jg==",
        "encrypted-credential",
        "Rails credentials (encrypted)",
        "oqm7zLpTr4verse0Kd9w==--q7Zr2Vt9Lp4W--s6Xy8Nb3Kd5Hf1Jg==",
    ),
    one(
        "rails-secrets",
        "app/config/secrets.yml",
        f"production:\n  secret_key_base: {HEX32 * 4}\n",
        "rails-secret-key-base",
        "production/secret_key_base",
        HEX32 * 4,
    ),
    one(
        "rails-token",
        "app/config/initializers/secret_token.rb",
        f"Shop::Application.config.secret_token = '{HEX32}'\n",
        "rails-secret-key-base",
        "secret_token",
        HEX32,
    ),
    one(
        "laravel",
        "app/.env",
        f"APP_NAME=Shop\nAPP_KEY=base64:{b64(bytes(range(7, 39)))}\n",
        "laravel-app-key",
        "APP_KEY",
        f"base64:{b64(bytes(range(7, 39)))}",
    ),
    Sample(
        "jenkins-credentials",
        "var/jenkins_home/credentials.xml",
        JENKINS,
        (
            Found("jenkins-credential", "deploy", PASSWORD),
            Found("encrypted-credential", "old (encrypted)", "{AQAAABAAAAAQx8Zr2Vt9Lp4Ws6Xy8Nb3KQ==}"),
        ),
    ),
    one("jenkins-key", "var/jenkins_home/secrets/master.key", HEX32 * 8, "jenkins-key", None, HEX32 * 8),
    one(
        "rclone",
        "root/.config/rclone/rclone.conf",
        "[nas]\ntype = sftp\npass = YmJiYmJiYmJiYmJiYmJiYp3gcEWbAw\n",
        "tool-credential",
        "nas/pass",
        "potato",
        "YmJiYmJiYmJiYmJiYmJiYp3gcEWbAw",
    ),  # a pair of rclone's own tests
    one("vault-token", "root/.vault-token", TOKEN + "\n", "vault-token", None, TOKEN),
    one("mounted-secret", "run/secrets/db_password", PASSWORD + "\n", "mounted-secret", "db_password", PASSWORD),
    one("systemd-credential", "etc/credstore/mail", PASSWORD, "mounted-secret", "mail", PASSWORD),
    one("password-file", "app/.vault_pass", PASSWORD + "\n", "tool-credential", ".vault_pass", PASSWORD),
    Sample(
        "password-hashes",
        "etc/shadow",
        "root:*:19700:0:99999:7:::\ndaemon:!:19700::::::\nx:!!:19700::::::\n"
        "web:$1$Qm7zLpT4$8Nb3Kd5Hf1Jg0Tcq7Zr2V/:19700:0:99999:7:::\n"
        "old:!$6$Qm7zLpT4$8Nb3Kd5Hf1Jg0Tcq7Zr2V.:19700:0:99999:7:::\n",
        (
            Found("password-hash", "web (MD5, weak)", "$1$Qm7zLpT4$8Nb3Kd5Hf1Jg0Tcq7Zr2V/"),
            Found("password-hash", "old (SHA-512; locked)", "$6$Qm7zLpT4$8Nb3Kd5Hf1Jg0Tcq7Zr2V."),
        ),
    ),
    one(
        "shell-history",
        "root/.zsh_history",
        f": 1700000000:0;ls 'x\n: 1700000001:0;mysql -u root -p{PASSWORD} shop\n",
        "command-password",
        "mysql -p",
        PASSWORD,
    ),
    one(
        "database-history",
        "root/.psql_history",
        f"select 1;\nALTER USER app WITH PASSWORD '{PASSWORD}''';\n",
        "command-password",
        "SQL password",
        PASSWORD + "'",
        PASSWORD + "''",
    ),
    one("redis-history", "root/.rediscli_history", f"keys *\nAUTH {PASSWORD}\n", "command-password", "AUTH", PASSWORD),
    one(
        "ssh-host-key",
        "etc/ssh/ssh_host_rsa_key",
        pem("OPENSSH PRIVATE KEY") + "\n",
        "encrypted-private-key",
        "SSH host key ssh_host_rsa_key",
        pem("OPENSSH PRIVATE KEY"),
    ),
    one("ssh-key", "root/.ssh/id_rsa", pem() + "\n", "private-key", "SSH key id_rsa", pem()),
)
