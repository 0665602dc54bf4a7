"""Rules from TOML: gitleaks' tables and ours. What is wrong is told with file, rule and line.

gitleaks' keys are read as gitleaks reads them, in any case. What it has and we have not is a problem of the rule
set, told with the report: rules of paths alone, composite rules, another configuration by URL, allowed commits.
`useDefault` asks for a tool's own rules: imgscan's are always on.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal, cast

from imgscan.errors import Effect, Problem, UsageError
from imgscan.evidence import Confidence
from imgscan.secrets import checks
from imgscan.secrets.detector import NOMINATOR_SPAN, Nominator
from imgscan.secrets.rules import assigned, core
from imgscan.secrets.rules.regex import PatternError, count_groups, parse
from imgscan.secrets.rules.rule import Allowlist, RuleSet, RuleSource, SecretRule
from imgscan.secrets.words import words

_RULE_KEYS = words(
    """
    id description regex keywords entropy secretgroup path tags allowlist allowlists required skipreport
    title kind severity confidence validator edges form assigned_to value companion remediation source
    examples near_misses nominator
    """
)
_FILE_KEYS = words("title description minversion extend rules allowlist allowlists defaults detect_secrets_plugins")
_ALLOWLIST_KEYS = words("description paths regexes stopwords regextarget condition commits targetrules")
_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,79}", re.ASCII)
KEYWORD_REACH = 4096
"""Bytes round a keyword in which a rule's pattern is looked for, where the pattern itself nominates nothing."""


class _Invalid(Exception):
    """What is wrong with a rule; its place is added where it is known."""


class _NotRun(Exception):
    """Why a valid rule is left out."""


def load_rules(sources: Iterable[RuleSource]) -> RuleSet:
    """The rules of files, in their order. Raises UsageError for the first thing that is wrong."""
    return _load(tuple(sources))


@lru_cache(maxsize=8)
def _load(sources: tuple[RuleSource, ...]) -> RuleSet:
    rules: dict[str, SecretRule] = {}
    allowlists: list[Allowlist] = []
    problems: list[Problem] = []
    for source in sources:
        if source.name.endswith(".py"):  # a plugin's code: `rules.plugins`
            continue
        file = _File(source)
        for rule in file.read():
            if rule.id in rules and not file.may_replace:
                file.fail(f"rule {rule.id!r} is there already")
            rules[rule.id] = rule
        for rule_id in file.disabled:
            rules.pop(rule_id, None)
        allowlists += file.allowlists
        problems += file.problems
    return RuleSet(tuple(rules.values()), tuple(allowlists), tuple(problems))


@dataclass(slots=True)
class _File:
    source: RuleSource
    allowlists: list[Allowlist] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    disabled: tuple[str, ...] = ()
    may_replace: bool = False
    _where: str = ""

    def read(self) -> list[SecretRule]:
        """The file's rules. Fills in the rest."""
        try:
            document = tomllib.loads(self.source.text)
        except tomllib.TOMLDecodeError as error:
            self.fail(f"no TOML: {error}")
        except RecursionError:
            self.fail("no TOML: too deeply nested")
        document = _lowered(document)
        self._known(document, _FILE_KEYS)
        self._extend(document.get("extend", {}))
        defaults = _table(document, "defaults", self)
        tables = document.get("rules", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.fail("`rules` must be tables: [[rules]]")
        lines = self._lines(len(tables))
        rules: list[SecretRule] = []
        for index, table in enumerate(tables):
            place = f" (line {lines[index]})" if lines else f" (number {index + 1})"
            rule_id = table.get("id")
            self._where = f"rule {rule_id!r}{place}: " if isinstance(rule_id, str) else f"rule{place}: "
            rule = self._rule(_lowered({**defaults, **table}))
            if rule is not None:
                if any(other.id == rule.id for other in rules):
                    self.fail("another rule has this id")
                rules.append(rule)
        self._where = ""
        return self._with_global_allowlists(document, rules)

    def fail(self, message: str) -> Any:
        raise UsageError(
            f"{self.source.name}: {self._where}{message}", tip="docs/writing-rules.md tells how rules are written"
        )

    def note(self, message: str) -> None:
        self.problems.append(Problem("rule-not-run", f"{self.source.name}: {self._where}{message}", Effect.NOTE))

    def _lines(self, count: int) -> list[int]:
        """The lines of the rules' headers, from 1; empty where they are written in another way."""
        header = re.compile(r"[ \t]*\[\[[ \t]*rules[ \t]*\]\]", re.IGNORECASE)
        lines = [number for number, line in enumerate(self.source.text.splitlines(), 1) if header.match(line)]
        return lines if len(lines) == count else []

    def _known(self, table: Mapping[str, Any], keys: frozenset[str]) -> None:
        unknown = sorted(set(table) - keys)
        if unknown:
            self.fail(f"unknown key `{unknown[0]}`; there are {', '.join(sorted(keys))}")

    def _extend(self, table: Any) -> None:
        if not isinstance(table, dict):
            self.fail("`extend` must be a table")
        table = _lowered(table)
        self._known(table, frozenset({"usedefault", "path", "url", "disabledrules"}))
        if "url" in table:
            self.note("`extend.url` is not read: imgscan asks no network for rules")
        self.disabled = self._texts(table, "disabledrules")
        self.may_replace = bool(table.get("path"))

    def _rule(self, table: dict[str, Any]) -> SecretRule | None:
        self._known(table, _RULE_KEYS)
        try:
            return self._make(table)
        except _NotRun as reason:
            self.note(f"not run: {reason}")
            return None
        except (PatternError, _Invalid) as error:
            return cast("None", self.fail(str(error)))

    def _make(self, table: dict[str, Any]) -> SecretRule:
        rule_id = self._text(table, "id")
        if not _ID.fullmatch(rule_id):
            raise _Invalid("`id` must be letters, digits, `.`, `-` and `_`")
        if table.get("required"):
            raise _NotRun("composite rules (`required`) are not supported")
        regex = self._regex(table)
        companion = table.get("companion", {})
        description = self._text(table, "description")
        companion = companion if isinstance(companion, dict) else {}
        rule = SecretRule(
            id=rule_id,
            kind=self._text(table, "kind") or rule_id,
            title=self._text(table, "title") or description.rstrip(".") or rule_id,
            regex=regex,
            description=description,
            severity=self._choice(table, "severity", ("critical", "high", "medium", "low")),
            confidence=Confidence(self._choice(table, "confidence", ("high", "medium", "low"))),
            group=self._number(table, "secretgroup", int),
            keywords=tuple(word.lower() for word in self._texts(table, "keywords")),
            entropy=self._number(table, "entropy", float),
            path=self._pattern(self._text(table, "path"), "path"),
            allowlists=tuple(each for each, _ in self._allowlists(table)),
            validator=self._validator(self._text(table, "validator")),
            edges=self._choice(table, "edges", ("exact" if "assigned_to" in table else "any", "word", "exact", "any")),
            form=self._choice(table, "form", ("token", "password")),
            companion=self._pattern(self._text(companion, "regex"), "companion"),
            companion_title=self._text(companion, "title"),
            remediation=self._text(table, "remediation"),
            documentation=self._text(table, "source"),
            examples=self._texts(table, "examples"),
            near_misses=self._texts(table, "near_misses"),
        )
        groups = count_groups(parse(regex))
        if rule.group > groups:
            raise _Invalid(f"`secretGroup` is {rule.group}, and the regex has {groups} groups")
        rule = self._nominated(rule, self._texts(table, "nominator"))
        if "assigned_to" not in table:
            return rule
        name, value = parse(self._text(table, "assigned_to")), parse(self._text(table, "value"))
        rule = replace(rule, literals=assigned.gate(name), exact=False)
        return replace(rule, nominators=assigned.SHARED, shared=True) if assigned.may_share(name, value) else rule

    def _regex(self, table: dict[str, Any]) -> str:
        regex = self._text(table, "regex")
        if table.get("assigned_to"):
            value = self._text(table, "value")
            if regex or not value:
                raise _Invalid("`assigned_to` goes with `value`, not with `regex`")
            name = self._pattern(self._text(table, "assigned_to"), "assigned_to")
            regex = assigned.assignment(name, self._pattern(value, "value"))
        if not regex:
            if table.get("path"):
                raise _NotRun("rules of a path alone are not supported; sensitive-file tells of such files")
            raise _Invalid("`regex` is missing")
        return self._pattern(regex, "regex")

    def _pattern(self, text: str, key: str, most: int = 3) -> str:
        if text:
            try:
                tree = parse(text)
            except PatternError as error:
                raise _Invalid(f"`{key}`: {error}") from error
            try:
                core.check_linear(tree, most)
            except PatternError as error:
                raise _NotRun(f"`{key}`: {str(error).partition(' (character')[0]}") from error
        return text

    def _nominated(self, rule: SecretRule, given: tuple[str, ...]) -> SecretRule:
        """The rule with what nominates it: as declared, else derived from its pattern, else its keywords."""
        tree = parse(rule.regex)
        _, longest = core.width(tree)
        after = min(max(256, (longest or core.UNBOUNDED) + 64), 60 << 10)
        after = max(after, 1024) if rule.companion or rule.allowlists else after
        found = core.cores(tree)
        if given:
            for pattern in given:
                _, most = core.width(parse(pattern))
                if most is None or most > NOMINATOR_SPAN:
                    raise _Invalid(f"`nominator` may match {NOMINATOR_SPAN} bytes at most")
            return replace(
                rule,
                nominators=tuple(Nominator(core.written(pattern)[0], core.written(pattern)[1]) for pattern in given),
                lead=min(longest or core.UNBOUNDED, core.UNBOUNDED),
                before=min((longest or core.UNBOUNDED) + 512, core.UNBOUNDED + 512),
                after=after,
            )
        if found:
            lead = max(each.lead for each in found)
            return replace(
                rule,
                nominators=tuple(dict.fromkeys(each.nominator for each in found)),
                lead=lead,
                exact=len(found) == 1 and found[0].exact,
                before=max(
                    lead + (512 if rule.companion or rule.allowlists else 16), KEYWORD_REACH * bool(rule.keywords)
                ),
                after=max(after, KEYWORD_REACH * bool(rule.keywords)),
                literals=_together([each.gate for each in found]),
            )
        if not rule.keywords or min(map(len, rule.keywords)) < 3:
            raise _NotRun("its regex has no part to look for; give `keywords` of three letters, or `nominator`")
        return replace(
            rule,
            nominators=tuple(Nominator(re.escape(word), caseless=True) for word in rule.keywords),
            lead=KEYWORD_REACH,
            before=KEYWORD_REACH,
            after=KEYWORD_REACH,
            around=True,
            literals=rule.keywords,
        )

    def _with_global_allowlists(self, document: dict[str, Any], rules: list[SecretRule]) -> list[SecretRule]:
        for allowlist, targets in self._allowlists(document):
            if not targets:
                self.allowlists.append(allowlist)
                continue
            rules = [
                replace(rule, allowlists=(*rule.allowlists, allowlist)) if rule.id in targets else rule
                for rule in rules
            ]
        return rules

    def _allowlists(self, table: dict[str, Any]) -> list[tuple[Allowlist, tuple[str, ...]]]:
        """The allowlists of a table, each with the ids of the rules it is for."""
        given = table.get("allowlists", [])
        single = table.get("allowlist")
        tables = [*(given if isinstance(given, list) else [given]), *([single] if single is not None else [])]
        found = []
        for each in tables:
            if not isinstance(each, dict):
                self.fail("an allowlist must be a table")
            lowered = _lowered(each)
            self._known(lowered, _ALLOWLIST_KEYS)
            condition = self._text(lowered, "condition").upper()
            if condition not in ("", "OR", "||", "AND", "&&"):
                self.fail(f"`condition` is OR or AND, not {condition!r}")
            target = self._text(lowered, "regextarget") or "secret"
            if target not in ("secret", "match", "line"):
                self.fail(f"`regexTarget` is secret, match or line, not {target!r}")
            everything = condition in ("AND", "&&")
            if lowered.get("commits"):
                self.note("allowed commits are not read: layers have none")
                if everything:
                    continue
            allowlist = Allowlist(
                description=self._text(lowered, "description"),
                paths=self._patterns(lowered, "paths"),
                regexes=self._patterns(lowered, "regexes"),
                stopwords=tuple(word.lower() for word in self._texts(lowered, "stopwords")),
                target=cast("Literal['secret', 'match', 'line']", target),
                all_of=everything,
            )
            found.append((allowlist, self._texts(lowered, "targetrules")))
        return found

    def _patterns(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        """Patterns of an allowlist: one that is not run would tell more than asked for, so it is an error."""
        try:
            return tuple(self._pattern(text, key, most=8) for text in self._texts(table, key))
        except (_Invalid, _NotRun) as error:
            return cast("tuple[str, ...]", self.fail(f"allowlist: {error}"))

    def _text(self, table: Mapping[str, Any], key: str) -> str:
        value = table.get(key, "")
        if not isinstance(value, str):
            self.fail(f"`{key}` must be a text")
        return str(value)

    def _texts(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        value = table.get(key, ())
        if isinstance(value, str) and key == "nominator":
            return (value,)
        if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
            self.fail(f"`{key}` must be a list of texts")
        return tuple(value)

    def _choice(self, table: Mapping[str, Any], key: str, choices: tuple[str, ...]) -> Any:
        """One of `choices`, the first where nothing is said."""
        value = table.get(key, choices[0])
        if value not in choices:
            self.fail(f"`{key}` is one of {', '.join(sorted(set(choices)))}")
        return value

    def _number(self, table: Mapping[str, Any], key: str, kind: type[int] | type[float]) -> Any:
        value = table.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else int) or value < 0:
            self.fail(f"`{key}` must be a number, 0 or more")
        return kind(value)

    def _validator(self, name: str) -> str:
        if name and name not in checks.VALIDATORS:
            self.fail(f"no validator {name!r}; there are {', '.join(sorted(checks.VALIDATORS))}")
        return name


def _together(gates: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """What stands for all of the gates; empty where one is."""
    every = list(gates)
    return tuple(dict.fromkeys(text for gate in every for text in gate)) if all(every) else ()


def _lowered(table: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key).lower(): value for key, value in table.items()}


def _table(document: Mapping[str, Any], key: str, file: _File) -> dict[str, Any]:
    value = document.get(key, {})
    if not isinstance(value, dict):
        file.fail(f"`{key}` must be a table")
    return dict(value)
