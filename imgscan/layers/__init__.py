"""The map step: one layer's bytes and a plan to one LayerScan, and the cache of these."""
