"""Logins of cloud providers' command line tools."""

from __future__ import annotations

from imgscan.secrets.formats.format import Format
from imgscan.secrets.formats.picks import Pick, ini, json, picked, yaml

_AWS_SECRET = Pick.of(r".*aws_secret_access_key", "aws-secret-key")
_AWS_SESSION = Pick.of(r".*aws_(?:session|security)_token", "aws-session-token")
_TOOL = "tool-credential"

CLOUDS: tuple[Format, ...] = (
    picked(
        "aws-credentials",
        "AWS credentials",
        ".aws/credentials .aws/config",
        ini,
        _AWS_SECRET,
        _AWS_SESSION,
        decodes="secret and session keys, by profile",
    ),
    picked(
        "aws-token-cache",
        "AWS token cache",
        ".aws/sso/cache/*.json .aws/cli/cache/*.json",
        json,
        Pick.of(r"(?:.*/)?secretaccesskey", "aws-secret-key"),
        Pick.of(r"(?:.*/)?(?:sessiontoken|accesstoken|refreshtoken|clientsecret)", "aws-session-token"),
        decodes="keys and tokens of single sign-on",
    ),
    picked(
        "boto",
        "boto configuration",
        ".boto boto.cfg",
        ini,
        _AWS_SECRET,
        _AWS_SESSION,
        Pick.of(r".*gs_oauth2_refresh_token", "gcp-refresh-token"),
        Pick.of(r".*(?:gs_secret_access_key|proxy_pass)", _TOOL),
        decodes="keys of AWS and of Google Storage",
    ),
    picked(
        "s3cmd",
        "s3cmd configuration",
        ".s3cfg s3cfg",
        ini,
        Pick.of(r".*/?secret_key", "aws-secret-key"),
        Pick.of(r".*/?(?:access_token|session_token)", "aws-session-token"),
        Pick.of(r".*/?gpg_passphrase", _TOOL),
        decodes="secret key and passphrase",
    ),
    picked(
        "gcloud",
        "Google Cloud credentials",
        "application_default_credentials.json adc.json",
        json,
        Pick.of(r"(?:.*/)?refresh_token", "gcp-refresh-token"),
        Pick.of(r"(?:.*/)?client_secret", _TOOL),
        decodes="refresh token and client secret of a user; a service account's key is told by its own kind",
    ),
    picked(
        "azure",
        "Azure tokens",
        ".azure/accessTokens.json .azure/msal_token_cache.json .azure/service_principal_entries.json "
        ".azure/msal_http_cache.json",
        json,
        Pick.of(r"(?:.*/)?(?:refreshtoken|accesstoken|secret|client_secret|_clientsecret)", "azure-token"),
        decodes="refresh and access tokens, secrets of service principals",
    ),
    picked("doctl", "DigitalOcean login", "doctl/config.yaml", yaml, Pick.of(r"access-token|auth-contexts/.*", _TOOL)),
    picked(
        "wrangler",
        "Cloudflare Wrangler login",
        ".wrangler/config/default.toml wrangler/config/default.toml .wrangler/config/staging.toml",
        ini,
        Pick.of(r".*(?:oauth_token|refresh_token|api_token)", _TOOL),
    ),
    picked(
        "databricks", "Databricks login", ".databrickscfg", ini, Pick.of(r".*/(?:token|password|client_secret)", _TOOL)
    ),
    picked("fly", "Fly.io login", ".fly/config.yml", yaml, Pick.of(r"access_token", _TOOL)),
    picked("minio", "MinIO client login", ".mc/config.json .mcli/config.json", json, Pick.of(r".*/secretkey", _TOOL)),
    picked(
        "pulumi",
        "Pulumi login",
        ".pulumi/credentials.json",
        json,
        Pick.of(r"accesstokens?/.*|accounts/.*/accesstoken", _TOOL),
    ),
    picked(
        "snowsql",
        "SnowSQL login",
        ".snowsql/config .snowflake/connections.toml .snowflake/config.toml",
        ini,
        Pick.of(r".*(?:password|private_key_passphrase|/token)", _TOOL),
    ),
    picked(
        "dbt",
        "dbt profiles",
        "profiles.yml",
        yaml,
        Pick.of(r".*/(?:password|pass|token|client_secret|private_key_passphrase|private_key|refresh_token)", _TOOL),
        decodes="passwords and tokens, by profile and target",
    ),
    picked("kaggle", "Kaggle login", ".kaggle/kaggle.json kaggle/kaggle.json", json, Pick.of(r"key", _TOOL)),
)
