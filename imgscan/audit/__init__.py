"""Audit a registry: every image of it, each distinct layer opened once.

    registry -> plan (tags, manifests) -> map (each layer once, anywhere) -> reduce (per image) -> AuditReport
                        `----------------- one SQLite file: the state ------------------'

schema.py     the state's tables and their migrations
state.py      opening it: lock, damage, key
listing.py    what the registry has: tags, manifests, images, layers
planning.py   asking the registry, and what is left to fetch
tasks.py      the map step as a worker runs it
pool.py       workers on this machine            cluster.py  workers of a Dask cluster
mapping.py    the loop that keeps workers busy
judging.py    the reduce step, in processes of its own
answers.py    the state as an AuditReport
run.py        all of it, in order
"""
