"""Rules as data: what a secret looks like, written in TOML, in gitleaks' format and a little more.

regex      the syntax that rules are written in, read into a tree        writing     the tree for the engines
core       from a tree to nominators, and whether it is linear           assigned    values told apart by their name
rule       what a rule is          load       TOML -> rules; every error names file, rule and line
files      TOML files, read        detect     rules as detectors          examples    texts, from templates
builtin/   the rules of imgscan, by area; builtin.json, made of them by compiled, is what runs
"""
