"""The core patterns that several detectors share. Their rules: see `detector.Nominator`.

Measured with Hyperscan in block mode on one thread, the whole set of this package over real files (figures with the
set below): see the docstring of `detectors`.

Hyperscan reports every end offset, so each core ends at a fixed place: the first character of a value, a token's
shortest length, a closing delimiter. Measured and dropped: `aws.{0,20}key.{0,20}"...{40}"` costs the whole set a
quarter of its speed, `key.{0,20}"...{40}"` nothing; and names alone (`token`, `key`) nominate millions of places.
"""

from __future__ import annotations

from imgscan.secrets.detector import Nominator

_WORD = r"[0-9A-Za-z_\x80-\xff]"
_BLANK = r"[ \t\r\v\f]"
_QUOTE = "['\"`]"
_CLOSING = "[\\]'\"]{0,2}"
_ASSIGN = r"(?::|:=|={1,3}|!==?|=>)"

# The words of detect-secrets' keyword detector; in Latin-1 and in UTF-8.
_KEYWORD = (
    r"(?:api_?key|auth_?key|service_?key|account_?key|db_?key|database_?key|priv_?key|private_?key|client_?key|db_?pass|"
    r"database_?pass|key_?pass|password|passwd|pwd|secret|contrase(?:n|\xf1|\xc3\xb1)a)"
)
# What a value cannot begin with; bare ones leave `=`, `:` and `>` to the separator so that one assignment ends once.
_BARE_START = "[^\\x00-\\x20\\x7f\"'`,;)}\\]=>:]"
_QUOTED_START = "[^\\x00-\\x20\\x7f\"'`,;)}\\]]"

_ASSIGNED_TO = _WORD + r"{0,40}(?:\[[0-9]{0,8}\])?" + _CLOSING + _BLANK + "{0,16}" + _ASSIGN + _BLANK + "{0,16}@?"
_PREFIX = "[bBrRuUfF]{0,2}"

# Two, because most bare values stand in program code, where they are expressions: those nominations, half of all, are
# dropped by the file's name alone.
KEYWORD_BARE = Nominator(_KEYWORD + _ASSIGNED_TO + _BARE_START, caseless=True, config_only=True)
KEYWORD_QUOTED = Nominator(_KEYWORD + _ASSIGNED_TO + _PREFIX + _QUOTE + _QUOTED_START, caseless=True)
KEYWORD_CALLED = Nominator(_KEYWORD + _WORD + r'{0,40}(?:.assign)?\("' + _WORD)
KEYWORD_COMPARED = Nominator(_QUOTE + _BLANK + "{0,8}[!=]{2,3}" + _BLANK + "{0,8}" + _WORD + "{0,40}" + _KEYWORD)
KEYWORD_STATED = Nominator(
    _KEYWORD
    + _WORD
    + r"{0,40}[^\s]{0,50}"
    + _BLANK
    + "{0,16}"
    + _QUOTE
    + _WORD
    + "[^'\"\\v\\r\\n]{0,100}"
    + _QUOTE
    + ";",
    caseless=True,
)
KEYWORD = (KEYWORD_BARE, KEYWORD_QUOTED, KEYWORD_CALLED, KEYWORD_COMPARED, KEYWORD_STATED)

# Names beyond those words. In program code a value is quoted; paginators and parsers are full of short quoted words
# under `token`, so it must be longer there.
_OWNED_KEY = (
    "(?:(?:access|sign|signing|encryption|encrypt|crypt|master|session|app|cookie|jwt|hmac|ssh|cipher|shared|admin|root|deploy|"
    "license|webhook|storage|consumer|secure|security)[_-]?key|api-key)"
)
_PASSES = (  # `password` without a dash behind it is KEYWORD_QUOTED's
    "pass(?:[0-9A-VX-Za-vx-z_-][0-9A-Za-z_-]{0,19}|w[0-9A-Za-z_]{0,11}-[0-9A-Za-z_-]{0,20}|)"
)
_NAME_END = "['\"\\]]{0,2}[ \\t]{0,4}(?::|=|=>|:=)[ \\t]{0,4}['\"]"
PASS_QUOTED = Nominator(
    "(?:" + _PASSES + "|" + _OWNED_KEY + "[0-9A-Za-z_-]{0,20})" + _NAME_END + "[^'\"\\s]{5}", caseless=True
)
PASS_ODD = Nominator("pass[0-9A-Za-z_-]{0,20}" + _NAME_END + "[,;)}\\]`][^'\"\\s]{4}", caseless=True)
TOKEN_QUOTED = Nominator(
    "(?:token|credential|cred|[_-]auth)[0-9A-Za-z_-]{0,20}" + _NAME_END + "[^'\"\\s]{12}", caseless=True
)
TYPED = Nominator(
    "(?:" + _KEYWORD + "|pass|token|cred)[0-9A-Za-z_]{0,40}\\??[ \\t]{0,4}:[ \\t]{0,4}[0-9A-Za-z_.\\[\\]|<>, ]{1,40}"
    "=[ \\t]{0,4}" + _PREFIX + "['\"][^'\"\\s]{4}",
    caseless=True,
)
UPPER_BARE = Nominator(
    "(?:PASS|TOKEN|CRED|KEY|AUTH|_PW|_PAT|SALT)[A-Z0-9_]{0,40}(?:=|: )[^\\s\"'$<{(]{5}", config_only=True
)
LOWER_BARE = Nominator(
    "(?:pass|token|cred|[_.-]auth|[_.-]key)[a-z0-9_.-]{0,20}[ \\t]{0,8}[=:][ \\t]{0,8}[A-Za-z0-9!@#%^&*_~+/-]{8}",
    config_only=True,
)
SECRET_NAME = (KEYWORD_BARE, KEYWORD_QUOTED, PASS_QUOTED, PASS_ODD, TOKEN_QUOTED, TYPED, UPPER_BARE, LOWER_BARE)

AWS_SECRET_KEY = Nominator(
    "secret_?(?:access_?)?key[\"'\\]]{0,2}\\s{0,8}(?::=|=>|[=:])\\s{0,8}[\"']?[0-9A-Za-z/+]{40}", caseless=True
)
OPENAI = Nominator("T3BlbkFJ[A-Za-z0-9_-]{20}")
URL_USER_INFO = Nominator(r"://[^\s/?#@:]{0,100}:[^\s/?#@]{1,128}@")

# IBM IAM (44), IBM COS (48 hex), SoftLayer and Cloudant (64) values begin alike.
LONG_ASSIGNED = Nominator(
    "(?:key|pwd|pw|password|pass|token)[\"']?\\]? {0,16}(?:=|:|:=|=>| |::) {0,16}[\"']?[a-z0-9_-]{44}", caseless=True
)
