-- Locks the row, which is made if need be.
INSERT INTO mailray.allowance AS known (tenant, name, day, used) VALUES (%(tenant)s, %(name)s, %(day)s, 0)
ON CONFLICT (tenant, name, day) DO UPDATE SET used = known.used
RETURNING used;
