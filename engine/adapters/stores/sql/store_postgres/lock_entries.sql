-- Whoever lets people enter waits for who does so already, and sees whom that one has let in.
SELECT pg_advisory_xact_lock(hashtextextended(%(tenant)s, 6));
