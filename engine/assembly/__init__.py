"""Settings and tuples of kinds into the parts of a run. The one place that reads the environment.

Nothing is imported here: a process that only delivers imports ``engine.assembly.worker`` and so does not load what plans.
"""
