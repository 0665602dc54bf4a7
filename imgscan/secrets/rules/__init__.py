"""Rules as data: what a secret looks like, written in TOML, in gitleaks' format and a little more.

regex      the syntax that rules are written in, read into a tree and written for the engines
core       from a tree to nominators, and whether it is linear
rule       what a rule is                       load        TOML files -> rules; every error names file, rule, line
detect     a rule as a detector                 examples    texts with and without a secret, from templates
builtin/   the rules of imgscan, by area
"""
