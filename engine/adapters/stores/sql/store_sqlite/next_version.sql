-- By the clock where that is later, so that a version also says when.
INSERT INTO latest (tenant, number, forgotten)
VALUES (?1, CAST(unixepoch('subsec') * 1000000 AS INTEGER), 0)
ON CONFLICT (tenant) DO UPDATE SET number = max(number + 1, excluded.number)
RETURNING number;
