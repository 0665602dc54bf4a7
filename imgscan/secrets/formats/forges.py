"""Logins at source hosts."""

from __future__ import annotations

from imgscan.secrets.formats.format import Format
from imgscan.secrets.formats.picks import Pick, picked, yaml

FORGES: tuple[Format, ...] = (
    picked(
        "github-cli",
        "GitHub CLI login",
        "gh/hosts.yml .config/hub",
        yaml,
        Pick.of(r"(?:.*/)?oauth_token", "github-token"),
        decodes="tokens, by host",
    ),
    picked(
        "gitlab-cli",
        "GitLab CLI login",
        "glab-cli/config.yml",
        yaml,
        Pick.of(r"hosts/.*/(?:token|oauth2_refresh_token)", "gitlab-token"),
        decodes="tokens, by host",
    ),
)
