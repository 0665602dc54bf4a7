"""Values that only stand for a secret. The whole normalised value is judged, never a part of it.

`super_secret_password_123` is a weak password and counts; `changeme` stands for one and does not.
"""

from __future__ import annotations

import re

from imgscan.secrets.words import words

_SURROUNDING = " \t\r\n\v\f\"'`,;"

# What people write where a secret belongs; type names, literals, and what forms and schemas say of a password.
_WORDS = words(
    """
    changeme change_me change-me changethis change_this changeit replaceme replace_me replace-me replacethis
    fixme todo tbd example examples sample test testing testtest dummy fake foo bar baz foobar foobaz
    placeholder secret secrets secretkey mysecret my-secret my_secret yoursecret your-secret your_secret
    password passwd passphrase pass pwd pw mypassword my-password my_password yourpassword your-password
    your_password newpassword oldpassword token mytoken my-token my_token yourtoken your-token your_token
    apikey api-key api_key yourapikey your-api-key your_api_key yourkey your-key your_key mykey key
    insert_here none null nil undefined unset empty blank default optional required redacted removed hidden
    masked censored xxx n/a na unknown not_set notset true false yes no on off str string text int integer
    float number bool boolean object array list dict bytes byte char varchar any void function func const
    var let static self this input label field button submit checkbox username user login email name title
    type value data prompt ask never always auto inherit initial basic bearer digest oauth oauth2 jwt hmac
    plain plaintext md5 sha1 sha256 sha512 scram-sha-256 bcrypt argon2 disabled enabled allow deny public
    private base64 hex utf-8 utf8 file env stdin vault keyring keychain requirepass
    trust peer ident files compat sss anonymous anoncvs guest nobody
    md5sum
    """
)


def _shape(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE | re.DOTALL)


_ASKS = sorted(words("change replace insert enter put add set fill update provide use type choose pick"))
_ASKED = sorted(
    words(
        """
        me this it in the your a an with by here before password passwd secret token key api value real own actual
        deploy production prod now immediately to something secure strong random default
        """
    ),
    reverse=True,
)
_OWNERS = sorted(words("your my some the any a an"))
_OWNED = sorted(
    words(
        """
        own real actual app new secret super very access api auth client private personal user admin root db database
        jwt github gitlab npm aws google openai stripe slack
        azure docker password passwd pass passphrase token key id value
        credential credentials here goes string long random username account secure strong
        """
    ),
    reverse=True,
)

_TEXTUAL = (
    (
        "variable",
        _shape(
            r"\$\{?[A-Za-z_][\w.:\-]*(?:[:?+=-][^}]*)?\}?", r"\$\([^)]*\)", r"%[A-Za-z_]\w*%", r"\$\d", r"\$env:\w+"
        ),
    ),
    (
        "template",
        _shape(
            r"\{\{.*\}\}",
            r"\{%.*%\}",
            r"<%.*%>",
            r"\$\{.*\}",
            r"#\{.*\}",
            r"\{[\w.:!\[\] ()-]*\}",
            r"@@?\w+@@?",
            r"__\w+__",
            r"\$\[[^\]]*\]",
        ),
    ),
    ("brackets", _shape(r"<[^<>]*>", r"&lt;.*&gt;", r"\[[A-Za-z _-]*\]", r"\(\(.*\)\)")),
    (
        "format",
        _shape(
            r"(?:(?:%(?:\(\w+\))?[-#0 +]{0,3}\d{0,3}(?:\.\d{1,3})?[sdrixufv@]|\{\d{0,3}\})[:@/ ,.-]{0,3})+",
        ),
    ),
    ("repeated", _shape(r"(.)\1*")),
    ("mask", _shape(r"[xX*.•_\-#?0 ]+")),
    ("ellipsis", _shape(r"\.{2,}.*", r".*\.{3}.*", r".*…", r".*\xe2\x80\xa6")),  # the last as windows have it
    # What package.json and lock files say of a package called `password`.
    ("version", _shape(r"[~^]\d+(?:\.[\dx*]+){0,2}(?:[-+][\w.+-]*)?", r"(?:workspace|npm|link):[\w@/^~*.-]*")),
    (
        "told to change",
        _shape(rf"(?:please[-_ ]?)?(?:{'|'.join(_ASKS)})(?:[-_ ]?(?:{'|'.join(_ASKED)}))+"),
    ),
    ("stands for yours", _shape(rf"(?:{'|'.join(_OWNERS)})[-_ .]?(?:[-_ .]?(?:{'|'.join(_OWNED)}))+")),
    ("made of x", _shape(r"(?=.*xxx)(?:[A-Za-z]{2,8}[-_]?){0,3}[xX]{4,}[-_xX]*", r"[xX]{3,}(?:[-_ ][xX]{2,})*")),
    (
        "says so",
        _shape(
            r"(?:[a-z]{0,24}[-_. ]){0,6}(?:example|placeholder|change[-_]?me|dummy|redacted|todo|fixme)"
            r"(?:[-_. ][a-z]{0,24}){0,6}",
            r"(?-i:[\w.:/+=-]*EXAMPLE[\w.:/+=-]*)",
        ),
    ),
    (
        "struct tag",
        _shape(r"[\w.-]*(?:,(?:omitempty|omitzero|inline|string|required|squash))+", r"\w+,\d+,(?:opt|rep|req),.*"),
    ),
    # JSON Schema and OpenAPI refer so to another part of the document.
    ("reference", _shape(r"#/(?:[\w.$-]+/)*[\w.$-]+")),
    ("header", _shape(r"-----(?:BEGIN|END) [A-Z0-9 ]*-----(?:\\r|\\n|\s)*")),
)
_PLACES = (
    (
        "path",
        _shape(
            r"(?:~|\.{1,2})?/(?:[\w.@+-]+/)*[\w.@+-]*",
            r"[A-Za-z]:\\.*",
            r"file:.*",
            r"(?:[\w.-]+/)+[\w-]+\.\w{1,6}",
            r"[\w.-]+\.(?:txt|pem|key|json|ya?ml|crt|cer|p12|pfx|jks|env|ini|conf|cfg|properties|html?|js|py|php|md|asc)",
        ),
    ),
    ("url", _shape(r"(?:https?|ftp|wss?|ssh|git)://[^\s@]*")),
    (
        "environment",
        _shape(
            r"(?:os\.)?(?:environ|getenv)\b.*",
            r"process\.env\b.*",
            r"ENV\[.*",
            r"System\.getenv.*",
            r"env\(.*\)",
            r"env\.\w+",
            r"secrets\.\w+",
            r"var\.\w+",
            r"vault:.*",
            r"ENC\[.*",
            r"!vault.*",
            r"arn:aws:.*",
            r"projects/[^/]+/secrets/.*",
            r"sm://.*",
            r"ssm:.*",
            r"op://.*",
            r"secretref:.*",
        ),
    ),
    ("hash", _shape(r"\*", r"!", r"\{(?:SSHA|CRYPT|noop|bcrypt)\}")),
    ("number", _shape(r"-?\d{1,3}", r"-?\d+\.\d+", r"0x0+")),
)
_RANDOM_PART = re.compile(r"(?=[^/]*[0-9])(?=[^/]*[a-z])(?=[^/]*[A-Z])[^/.]{16,}")

LONGEST = 256
"""Longer values are no placeholders; the shapes never see them, which bounds their time."""


def normalise(value: str) -> str:
    """The value without surrounding blanks, quotes and statement ends."""
    return value.strip(_SURROUNDING)


def reason(value: str, name: str | None = None) -> str:
    """Why `value` only stands for a secret; empty where it may be one. `name` is the key it is assigned to."""
    text = normalise(value)
    if not text:
        return "empty"
    if len(text) > LONGEST:
        return ""
    if text.lower() in _WORDS:
        return "word"
    if name and (letters := _letters(text)) and letters in {_letters(name), _letters(name.rpartition(".")[2])}:
        return "own name"
    what = _first(_TEXTUAL_AND_PLACES, text) if _ANY.fullmatch(text) else ""
    return "" if what == "path" and _RANDOM_PART.search(text) else what


_TEXTUAL_AND_PLACES = (*_TEXTUAL, *_PLACES)
# Most values have none of the shapes: one search tells, where eighteen took three times as long.
_ANY = re.compile("|".join(shape.pattern for _, shape in _TEXTUAL_AND_PLACES), re.IGNORECASE | re.DOTALL)


def _first(shapes: tuple[tuple[str, re.Pattern[str]], ...], text: str) -> str:
    return next((what for what, shape in shapes if shape.fullmatch(text)), "")


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


_IDENTIFIER = re.compile(r"[$@#.\-]?[A-Za-z_][A-Za-z_]*(?:(?:[.\-:/]|::|->)[A-Za-z_][A-Za-z0-9_]*)*[\-_.:]?")
_EXPRESSION = _shape(
    r"[+,;:)}\]=?&|*].*[(){}\[\];=].*",  # what stands between two strings: the quote taken for an opening one closes
    r"[\w.$]+\(.*",
    r".*[\w)] ?(?:\|\||&&|\? |\+ ).*",
    r"[\w.]+\[.*\]",
    r"[({\[].*",
    r".*=>.*",
    r".*[;{}]",
    r"[^\w]+",
    r"\\.*",
    r".*</?\w.*",
)


def reads_as_prose(value: str) -> bool:
    """Whether a quoted value is a sentence, a label or a message rather than a secret."""
    text = normalise(value)[:LONGEST]
    parts = [part.strip(".,:;!?()'\"-…") for part in text.split()]
    wordlike = sum(1 for part in parts if part.replace("-", "").replace("'", "").isalpha())
    return len(parts) > 1 and wordlike * 2 >= len(parts)


def reads_as_identifier(value: str) -> bool:
    """Whether a value is a name of something (`currentPassword`, `user.password.label`): letters and joints alone."""
    return bool(_IDENTIFIER.fullmatch(normalise(value)[:LONGEST]))


def reads_as_expression(value: str) -> bool:
    """Whether a value is code rather than a literal: a call, an index, an operator, an opening bracket."""
    return bool(_EXPRESSION.fullmatch(normalise(value)[:LONGEST]))


_TOKEN_DUMMY = re.compile(
    r"[\w.:/+=-]*?(?:EXAMPLE(?:KEY)?|XXXXXXXX|xxxxxxxx|00000000|1111111111|aaaaaaaaaa|AAAAAAAAAAAA|"
    r"(?:0?1234567890?){2,}|0123456789abcdef0123456789abcdef|abcdefghijklmnopqrstuvwxyz)[\w.:/+=-]*",
)


# Tokens of letters alone (`hf_` and 34 of them) have capitals in their midst.
_WORDS_ALONE = re.compile(r"(?:[A-Z]?[a-z]+|[a-z]*[A-Z]+)(?:[-_](?:[A-Z]?[a-z]+|[a-z]*[A-Z]+))+")
_LONG_TOKEN = 36
# `isTypeArgumentOrParameterOrAssertionContext`: of random base62 tokens of 20 characters 5 in 10,000 read like that.
_CAMEL_CASE = re.compile(r"(?=.{20})[A-Za-z]?[a-z]+(?:[A-Z][a-z]+)+")


def token_reason(value: str) -> str:
    """As `reason`, for a value of a known structure: words inside it say nothing, runs and AWS's EXAMPLE do."""
    if len(value) > LONGEST:
        return ""
    if len(value) >= _LONG_TOKEN and _WORDS_ALONE.fullmatch(
        value
    ):  # of random base62 tokens of this length 2 in 1,000 have no digit
        return "words"
    if _CAMEL_CASE.fullmatch(value):
        return "identifier"
    if _TOKEN_DUMMY.fullmatch(value) or len(set(value)) <= 3:
        return "dummy token"
    return "word" if value.lower() in _WORDS else _first(_TEXTUAL, normalise(value))
