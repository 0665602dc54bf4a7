"""Words and templates that the benchmark's files are made of.

The mix is tuned to real trees (a Python 3.11 `site-packages` and npm's own `node_modules`, counted per MB of source):
`key` 650 to 710 times, `token` 230 to 330, `auth` 90 to 135, `password` 28, an assignment to such a name 55 to 160, one
with a quoted value 0.3 to 5, a run of 60 base64 characters 3 to 4, `-----BEGIN` 0.3 to 1.4. Where it differs, more.

A template's slots are `<kind>` or `<kind1>`; a numbered slot has one value throughout its block.
"""

from __future__ import annotations

WORDS = """
get set value index name type options result data node item list path file source target error message callback
state event handler config parent child length offset start end buffer stream read write parse format map filter
reduce module export import require default context scope token line column position range match pattern rule test
expect assert request response header body status code url host port method params query route router server client
socket connection create update remove delete insert append find search select resolve reject promise async await
timeout interval delay string number boolean object array function class property attribute element document window
render component view model schema field table row record entity store cache session user account group role
permission policy auth date time year month day hour minute second timezone locale language country currency price
amount total count sum average min max width height size depth level weight color style theme font image icon
button label input form submit change encode decode encrypt decrypt hash digest sign verify compress inflate escape
quote trim split join replace normalize left right top bottom center inner outer prefix suffix before after first
last next previous current active enabled visible logger debug info warn trace metric counter timer gauge report
summary detail description title version release build package dependency registry install plugin loader compiler
parser lexer grammar syntax tree visitor walker iterator cursor queue worker thread task job process signal lock
mutex pool channel topic subscriber publisher producer consumer broker matrix vector tensor kernel shape axis
stride batch epoch gradient layer bias loss optimizer sample feature segment chunk block frame packet payload
checksum sequence peer address domain protocol tunnel proxy
""".split()  # noqa: SIM905  # a list literal would take 300 lines

SENSITIVE = [*["key"] * 6, *["token"] * 3, *["auth"] * 2, "password", "secret", "credential"]
"""What is mixed into identifiers on top of WORDS."""

SENTENCES = """
The <w> could not be found in the <w>; check the <w> and try again.
Returns the <w> of the given <w>, or null when there is no <w>.
Invalid <w>: expected <w> but got <w>.
This method is deprecated and will be removed in version <n>.<n>. Use <v> instead.
The <w> option controls how the <w> is written when <w> is enabled.
Each <w> has exactly one <w>, which is created on first use and kept for <n> seconds.
When <v> is true the <w> and the <w> are merged, and any <w> that is already there wins.
Permission is hereby granted, free of charge, to any person obtaining a copy of this software.
See https://example.org/<w>/<w>/<w>.html for the details of <w> and <w>.
Failed to decode the <w> after <n> attempts, giving up.
A list of <w> names, most specific first; an empty list means that every <w> is accepted.
""".strip().splitlines()

SENSITIVE_SENTENCES = """
Please enter your password to continue.
Your session has expired. Sign in again to refresh the access token.
Forgot your password? Reset it by following the link in the mail.
Set <K> to a <w> with at least <n> characters; keep it secret.
The primary key of the <w> table must be unique.
The access token is read from the credential store when no password is given.
""".strip().splitlines()

JAVASCRIPT = [
    """
/**
 * <s>
 * @param {<C>} <v1> <s>
 * @param {string} <v2> the <w> to use
 * @returns {<C1>}
 */
function <v3>(<v1>, <v2>) {
  if (!<v1> || typeof <v2> !== 'string') {
    throw new TypeError('<s>');
  }
  const <v4> = <v1>.<v>(<v2>, { <v>: <n>, <v>: true });
  return new <C1>(<v4>.<v>, <v2>.slice(<n>));
}
""",
    """
  async <v1>(<v2>, <v3> = {}) {
    const <v4> = await this.<v>.<v>(`/<w>/${<v2>}`, <v3>);
    for (const <v5> of <v4>.<v>) {
      this.<v6>.set(<v5>.key, <v5>.<v>);
      if (<v5>.<v> > <n>) break;
    }
    return this.<v6>;
  }
""",
    """
exports.<v1> = function <v1>(<v2>, cb) {
  var <v3> = <v2>.<v> || [];
  var self = this;
  <v3>.forEach(function (<v4>, i) {
    // <s>
    self.<v>(<v4>, i, function (err, res) {
      if (err) return cb(err);
      <v3>[i] = res.<v>;
    });
  });
};
""",
    """
class <C1> extends <C> {
  constructor(<v1>, <v2>) {
    super(<v1>);
    this.<v3> = <v2> === undefined ? <n> : <v2>;
    this.<v> = new Map();
  }

  get <v4>() {
    return this.<v3>;
  }
}
module.exports = <C1>;
""",
    """
test('<w> <w> <w>', async (t) => {
  const <v1> = <v>({ <v>: '<w>', <v>: <n> });
  t.equal(<v1>.<v>, <n>, '<s>');
  t.same(await <v1>.<v>(), ['<w>', '<w>', '<w>']);
});
""",
    """
const <v1> = require('<w>-<w>');
const { <v2>, <v3> } = require('./<w>/<w>.js');
const <K1> = <n>;
""",
    """
export interface <C1> {
  <v>?: string;
  <v>: number | undefined;
  readonly <v>: ReadonlyArray<<C>>;
  <v>(<v>: <C>, key: string): Promise<<C>>;
}
""",
    """
  return {
    key: <v1>.<v>,
    <v>: <v1>.<v>.map((<v2>) => <v2>.<v> * <n>),
    <v>: '<s>',
    <v>: <v1> ? <n> : <n>,
  };
""",
]

SENSITIVE_JAVASCRIPT = [
    """
  // prettier-ignore
  const <v1>Key = '<b64>'
""",
    """
    case '<w>':
      token = this.<v>(<n>);
      if (token.type !== <C>.<K>) {
        this.<v>('<s>', token.start);
      }
      break;
""",
    """
  const authToken = options.<v> || config.get('<w>.token');
  if (authToken) headers['authorization'] = 'Bearer ' + authToken;
  const password = opts.password ? <v>(opts.password) : null;
""",
]

PYTHON = [
    '''
    def <f1>(self, <f2>, <f3>=None, *, <f4>=<n>):
        """<s>

        :param <f2>: <s>
        :param <f3>: the <w> of the <w>
        """
        if <f3> is None:
            <f3> = self._<f>
        result = []
        for index, <f5> in enumerate(<f2>):
            if <f5>.<f> >= <f4>:
                result.append(self.<f>(<f5>, key=<f3>))
        return result
''',
    '''
class <C1>(<C>):
    """<s>"""

    <f1> = <n>
    _<f2> = "<w>"

    def __init__(self, <f3>, <f4>, **kwargs):
        super().__init__(**kwargs)
        self.<f3> = <f3>
        self.<f4> = dict(<f4>)
''',
    """
def test_<f1>(self):
    <f2> = <C>(<f>=<n>, <f>="<w>")
    assert <f2>.<f> == <n>
    with pytest.raises(ValueError, match="<w>"):
        <f2>.<f>(None)
""",
    """
        elif <f1>.<f> in self.<f2>:
            # <s>
            self.<f2>[<f1>.key] = <f1>
            continue
""",
    """
from <w>.<w> import <C>, <C>
from .<w> import <f>, <f> as _<f>
""",
    """
    @property
    def <f1>(self) -> <C> | None:
        return self._<f1> if self.<f> else None
""",
    """
<K1> = {
    "<w>": (<n>, "<w>"),
    "<w>": (<n>, "<w>"),
    "<f>": <C>,
}
""",
    """
    parser.add_argument("--<w>-<w>", default=<n>, help="<s>")
    parser.add_argument("--<w>", action="store_true", help="<s>")
""",
]

SENSITIVE_PYTHON = [
    """
    <f1> = {"password": "<w>", "token": None, "key": "<w>"}  # <s>
""",
    """
    try:
        token = self._<f>(<f1>)
        <f2> = <f>(token.value, token.lineno)
    except (KeyError, <C>Error) as exc:
        raise <C>(f"<s> {<f1>!r}") from exc
""",
    """
    if not isinstance(password, str) or len(password) < <n>:
        raise <C>("<s>")
    secret = hmac.new(secret_key, <f>.encode(), hashlib.sha256).hexdigest()
    auth_token = <f>(secret, token=token, password=None)
""",
]

JSON = [
    """  {
    "id": "<uuid>",
    "<v>": <n>,
    "<v>": "<w>-<w>",
    "<v>": [<n>, <n>, <n>, <n>],
    "<v>": { "<v>": "<s>", "<v>": false, "<v>": "<w>.<w>" }
  },
""",
    """  "node_modules/<w>-<w>": {
    "version": "<n>.<n>.<n>",
    "resolved": "https://packages.example.org/<w>-<w>/-/<w>-<n>.<n>.tgz",
    "integrity": "sha512-<b64>==",
    "license": "MIT",
    "engines": { "node": ">=<n>" }
  },
""",
    """  { "name": "<f>", "sha1": "<hex40>", "size": <n>, "mode": "<n>" },
""",
    """  "<v>": {
    "type": "string",
    "description": "<s>",
    "default": "<w>",
    "enum": ["<w>", "<w>", "<w>"]
  },
""",
    """  ["<w>", <n>.<n>, <n>.<n>, "<w>", null, true],
  ["<w>", <n>.<n>, <n>.<n>, "<w>", null, false],
""",
]

SENSITIVE_JSON = [
    """  { "<v>Token": "<w>.<w>", "passwordField": "<w>", "key": "<w>", "authUrl": "https://example.org/<w>" },
""",
]

TEXT = [
    """
## <w> <w>

<s> <s> <s>
<s> <s>

* `<v>`: <s>
* `<v>`: <s>
""",
    """
# <s>
<w>.<w>.<f>=<n>
<w>.<w>.<f>=<w>
<w>.<f>=${<K>:-<w>}
""",
    """
<s> <s> <s> <s>
<s> <s> <s>
""",
    """
$ <w> --<w> <w> --<w>=<n> ./<w>/<w>
2024-0<d>-1<d> 0<d>:<d><d>:1<d>,<d><d><d> INFO  <w>.<w> - <s>
2024-0<d>-1<d> 0<d>:<d><d>:1<d>,<d><d><d> DEBUG <w>.<w> - <f>=<w> <f>=<n>
""",
    """
msgid "<s>"
msgstr "<s> <w> <w> <w>"
""",
    """
<hex32>  usr/share/<w>/<w>/<w>.<w>
<hex32>  usr/lib/<w>/<w>-<w>.so
""",
]

SENSITIVE_TEXT = [
    """
-----BEGIN CERTIFICATE-----
<b64>
<b64>
<b64>
<b64>
-----END CERTIFICATE-----
""",
    """
postgresql://<w>:<w>@localhost/<w>
https://user:password@proxy.example.org:<n>/
""",
    """
<w>:
  <f>: <n>
  <f>: <w>-<w>
  <f>:
    - <w>
    - <w>
  password: ${<K>}
""",
]

MINIFIED = [
    """,<m1>=function(<m>,<m2>){return <m2>.<v>&&(<m2>.<v>=<m>.<v>(<m2>,<n>)),<m2>.<v>||<m>}""",
    """;<m1>.prototype.<v>=function(<m2>){var <m3>=this;return<m2>?(<m3>.<v>=<m2>,this.<v>()):void 0}""",
    """,<v>:{type:String,default:"<w>",<v>:<n>}""",
    """,<n>:(<m>,<m1>,<m2>)=>{"use strict";<m2>.d(<m1>,{<m>:()=><m>});var <m>=<m2>(<n>)}""",
    """;if(<m1>.<v>!==<m2>.<v>)throw Error("<s>");for(var <m3>=0;<m3><<m1>.length;<m3>++)<m2>.push(<m1>[<m3>])""",
    """.<w>-<w>{color:#<hex6>;margin:<n>px <n>px;background:url(data:image/png;base64,<b64>)}""",
    """,children:["<s>",(0,<m>.jsx)("<w>",{className:"<w>-<w> <w>",onClick:<m1>})]""",
]

SENSITIVE_MINIFIED = [
    """,token:<m1>.<v>,<v>:!0,<v>:"<w>-<w>"}),<m2>(<n>,"<w>",<m1>)""",
    """,password:<m1>.password,placeholder:"Password",label:<m>("<w>.<w>")""",
]

PATH_PARTS = {
    "javascript": ("usr/local/lib/node_modules", "app/node_modules", "opt/web/node_modules"),
    "python": ("opt/venv/lib/site-packages", "usr/lib/python3/dist-packages", "srv/service"),
    "json": ("app/node_modules", "usr/share/iso-codes/json", "opt/web/data"),
    "text": ("usr/share/doc", "etc", "opt/venv/lib/site-packages", "app/docs"),
    "minified": ("app/public/assets", "opt/web/dist"),
    "utf16": ("usr/share/i18n", "opt/vendor/win"),
    "elf": ("usr/bin", "usr/lib/x86_64-linux-gnu", "opt/venv/lib/site-packages"),
    "blob": ("usr/share/icons", "app/public/img", "usr/share/fonts"),
    "empty": ("opt/venv/lib/site-packages", "var/lib"),
    "gz": ("usr/share/man/man1", "usr/share/doc"),
    "tar.gz": ("usr/src", "root/.cache/packages"),
    "zip": ("opt/vendor/packages", "srv/uploads"),
    "jar": ("opt/java/lib", "root/.m2/repository"),
}
"""Where files of a category lie. Some scanners leave out whole dependency trees; recall is told apart for those."""
