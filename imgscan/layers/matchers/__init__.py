"""Matchers: where in raw bytes do which nominators end. Hyperscan for speed, `re` as its oracle and stand-in."""
