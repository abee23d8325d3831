"""The automation: what happens to people moves executions on, in micro-batches, for as long as the job runs."""
