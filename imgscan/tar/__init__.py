"""Reading tar streams as evidence: every dialect, nothing extracted, nothing trusted."""
