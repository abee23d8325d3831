"""The names of what a run has on record."""

MANIFEST = "manifest.json"  # what the run is
LIVE = "live"  # in the manifest: people enter the workflow one by one, and partitions come for as long as the job runs
SUMMARY = "summary.json"  # counts and times
DECISIONS = "decisions.jsonl"  # of the capacity controller
