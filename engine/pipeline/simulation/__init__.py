"""Workflows under a virtual clock: who would get what when. Pure, a partition of people at a time; nothing is done to anybody."""
