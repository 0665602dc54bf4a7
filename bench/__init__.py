"""Speed, memory and recall, measured as ratios against other programs in the same run; see docs/performance.md."""
