"""Does the name of a key say that its value is a secret?

A name is judged by its tokens, never by substrings: `DB_PASS` and `jwtSecret` say so, `COMPASS`, `MONKEY` and
`tokenizer` do not. What a name says of its value's *place* (`_FILE`, `_PATH`) or *kind* (`PUBLIC_KEY`, `_SHA256`)
has the last word.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache

from imgscan.secrets.words import words


class Strength(IntEnum):
    """How clearly a name says secret."""

    NONE = 0
    WEAK = 1
    """It may: `auth`, `session`, `CLIENT_KEY`. The value must look random as well."""
    TOKEN = 2
    """A machine's secret: `API_KEY`, `token`. Words and identifiers are no values for it."""
    PASSWORD = 3
    """A human's or a shared secret: a word can be its value."""


LONGEST_NAME = 128
"""Longer names are not judged; nobody types them."""

_BOUNDARY = re.compile(r"[^0-9A-Za-z\x80-\xff]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_PASSWORD = words(
    """
    password passwd passphrase pass pwd pw passwort passwords passwds secret secrets userpass rootpass
    dbpass dbpassword dbpasswd dbpwd rootpassword userpassword adminpassword adminpass mypassword
    clientsecret secretkey appsecret jwtsecret sharedsecret keypass storepass keypassword storepassword
    keystorepass requirepass masterauth bindpw rootpw contrasena contraseña contraseã±a kennwort motdepasse
    senha pgpassword sshpass mysqlpwd authpassword basicauthpassword
    """
)
_TOKEN = words(
    """
    token tokens apikey apikeys authtoken accesstoken refreshtoken bearertoken secrettoken apitoken idtoken
    pat credential credentials creds cred accesskey authkey servicekey accountkey dbkey databasekey privkey
    privatekey signingkey encryptionkey masterkey secretaccesskey apisecret consumersecret licensekey
    webhooksecret
    """
)
_WEAK = words(
    """
    auth authorization clientkey sessionkey salt pin otp passcode cookie session hmac psk
    """
)
_KEY_OWNERS_TOKEN = words(
    """
    api access auth private priv secret signing sign encryption encrypt encrypted crypto master service
    account database db storage shared ssh jwt hmac cipher consumer deploy admin root aes des
    """
)
_KEY_OWNERS_WEAK = words(
    """
    client app application session cookie license integration write ingest webhook
    """
)

# What the value is instead of a secret, told by the last token (after digits are stripped).
_TAILS = words(
    """
    file filename path paths dir directory folder location url uri urls endpoint host hostname port issuer
    audience name names id ids identifier field fields label labels placeholder hint title text message msg
    error errors description desc help prompt question regex pattern rule rules policy policies type types
    kind format mode class length len size min max count number limit ttl expiry expires expiration expire
    timeout lifetime duration age interval days hours minutes seconds date time timestamp enabled enable
    disabled disable required optional allowed valid invalid verified changed updated exists present
    strength score level status state version revision sha1 sha256 sha512 sha224 sha384 md5 checksum digest
    hash hashes hashed algorithm algo encoding encoder decoder alg cipher generator provider manager service
    store storage vault helper handler factory resolver validator reader writer parser callback function
    func fn method command cmd program script tool server ref reference refs arn alias index
    position offset prefix suffix header headers param params parameter parameters arg args argument option
    options opt setting settings config configuration attribute attr property key_name input form view page
    template element selector button icon image link route visible hidden show hide toggle confirm
    confirmation reset change update forgot forgotten recovery retry attempts login user username email
    owner group scope scopes source sources env var variable mount volume object map list array set items
    template kwargs usage count total used budget window model
    character characters chars char delimiter separator boundary stream iterator start end line column ring
    keyring kid spec schema
    """
)
_NEGATIVE = words(
    """
    lock change idempotency request creation purchase lifecycle unit grant upload update event task input output
    public pub gpg no not without disable disabled skip ignore allow require requires is has use uses show
    hide next continuation pagination page cancellation sync syntax lexer csrf xsrf max min num total
    primary foreign sort partition hash hot access_policy keyboard shortcut old_name
    """
)
_PUBLIC_KEYS = words(
    """
    public pub gpg primary foreign sort partition hash hot key_id
    """
)
_URL_TAILS = words(
    """
    url uri dsn connectionstring connection
    """
)


@lru_cache(maxsize=8192)
def tokens(name: str) -> tuple[str, ...]:
    """The lower-case words of a name in snake_case, kebab-case, dotted, camelCase or a mix of them."""
    return tuple(part.lower() for part in _BOUNDARY.split(name[:LONGEST_NAME]) if part)


@lru_cache(maxsize=8192)
def strength(name: str) -> Strength:
    """How clearly `name` says that its value is a secret."""
    parts = tuple(stripped for word in tokens(name) if (stripped := word.rstrip("0123456789") or word))
    if not parts or len(name) > LONGEST_NAME or name.startswith("::"):
        return Strength.NONE
    tail = parts[-1]
    if tail in _TAILS or tail.endswith(("field", "label", "path", "file", "name", "count")):
        return Strength.NONE
    if _PUBLIC_KEYS & set(parts):
        return Strength.NONE
    if tail in _PASSWORD:
        return Strength.NONE if _NEGATIVE & set(parts[:-1]) else Strength.PASSWORD
    if tail in _TOKEN:
        if parts[-2:] == ("client", "token"):  # AWS names an idempotency token so
            return Strength.NONE
        return Strength.NONE if _NEGATIVE & set(parts[:-1]) else Strength.TOKEN
    if tail in {"key", "keys"} and len(parts) > 1:
        return _key_strength(parts)
    if tail in _WEAK:
        return Strength.NONE if _NEGATIVE & set(parts[:-1]) else Strength.WEAK
    return _inner_strength(parts)


def _key_strength(parts: tuple[str, ...]) -> Strength:
    owner = parts[-2]
    if owner in _PASSWORD:
        return Strength.PASSWORD
    if owner in _KEY_OWNERS_TOKEN:
        return Strength.TOKEN
    return Strength.WEAK if owner in _KEY_OWNERS_WEAK else Strength.NONE


def _inner_strength(parts: tuple[str, ...]) -> Strength:
    """A secret word that is not the last one: `password_prod`, `SECRET_KEY_BASE`, `token_for_ci`."""
    for index, word in enumerate(parts[:-1]):
        if word in _NEGATIVE:
            return Strength.NONE
        if word in _PASSWORD:
            return Strength.NONE if parts[index + 1] in _TAILS else Strength.PASSWORD
        if word in _TOKEN:
            return Strength.WEAK
        if word in _KEY_OWNERS_TOKEN and parts[index + 1] == "key":
            return Strength.TOKEN
    return Strength.NONE


def is_secret_name(name: str) -> bool:
    """Whether a value under this name is a secret unless it is a placeholder."""
    return strength(name) >= Strength.TOKEN


def may_hold_url(name: str) -> bool:
    """Whether values under this name are connection strings: `DATABASE_URL`, `SENTRY_DSN`."""
    parts = tokens(name)
    return bool(parts) and parts[-1] in _URL_TAILS
