"""The names of what a run has on record."""

MANIFEST = "manifest.json"  # what the run is
SUMMARY = "summary.json"  # counts and times
DECISIONS = "decisions.jsonl"  # of the capacity controller
