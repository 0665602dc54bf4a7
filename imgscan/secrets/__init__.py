"""What a credential looks like, and what only looks like one.

A detector has two halves: nominators, context-free patterns that a multi-pattern engine runs over raw layer
bytes, and a confirmation, which judges a nominated place on its member's own bytes.

detectors       all detectors and their identities       names, syntax, placeholders, judgement
confirm         nomination -> candidates, merged           what is a secret, and what only stands for one
strings         the same for an image's config strings    kinds        the catalogue, with what to do about each
redaction       what may be shown, and erasing the rest
"""
