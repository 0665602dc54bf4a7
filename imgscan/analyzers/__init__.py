"""From evidence to findings: one file per family.

An analyzer declares what it needs of a scan (rules, depth, detectors, extractors) and later asks the
evidence; it never opens a layer. To add one: write its file, add its line to ANALYZERS.
"""
