"""Registries for tests: a real one as a process, a front before it that misbehaves on purpose, and a way to push."""
