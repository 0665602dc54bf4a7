"""Ansible Vault: ciphertext under a header of its own, as a whole file or as one value in a YAML file."""

from __future__ import annotations

import re
from collections.abc import Iterable

from imgscan.evidence import Validation
from imgscan.secrets.detector import Candidate, Nominator, Window

_VAULT = re.compile(
    r"\$ANSIBLE_VAULT;1\.[0-9];AES(?:256)?(?:;(?P<label>[\w.@-]{1,80}))?[ \t]*"
    r"(?P<value>(?:\r?\n[ \t]*[0-9a-f]{2,160})+)"
)


class AnsibleVaultDetector:
    """`$ANSIBLE_VAULT;1.1;AES256` and lines of hexadecimal digits: told as encrypted."""

    id = "ansible-vault"
    version = 1
    nominators = (Nominator("\\$ANSIBLE_VAULT;1\\.[0-9];AES"),)
    before = 32
    after = 32 << 10

    def confirm(self, window: Window) -> Iterable[Candidate]:
        """The ciphertext below the nominated header."""
        start = window.data.rfind("$ANSIBLE_VAULT", 0, window.at)
        match = _VAULT.match(window.data, max(0, start))
        if match is None:
            return ()
        name = f"Ansible vault {match['label']}" if match["label"] else "Ansible vault"
        start, end = match.span("value")
        start += len(match["value"]) - len(match["value"].lstrip())
        return (
            Candidate(
                kind="encrypted-credential",
                start=start,
                end=end,
                value=window.data[start:end],
                name=name,
                validation=Validation.STRUCTURE_OK,
            ),
        )
