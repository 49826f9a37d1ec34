"""Numbers from arrays: no files, no SQL. One metric per function, per-row values first."""
