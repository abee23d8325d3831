"""Who gets which: assignment by keyed hash."""
