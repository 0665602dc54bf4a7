"""What a credential looks like, and what only looks like one.

A detector has two halves: nominators, context-free patterns that a multi-pattern engine runs over raw layer
bytes, and a confirmation, which judges a nominated place on its member's own bytes.
"""
