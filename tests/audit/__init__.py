"""Tests of audits: real registries, real processes, real clusters."""
