"""What users say once: imgscan.toml or [tool.imgscan] of pyproject.toml, and IMGSCAN_* variables.

A flag is stronger than a variable, that than the file, that than the default. `settings` is the one table of what can
be said; docs, JSON schema, variables and checks come from it. Nothing here reads the environment: it is handed in.
"""
