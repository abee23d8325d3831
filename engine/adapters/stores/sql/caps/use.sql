INSERT INTO allowance (name, day, used) VALUES (?, ?, ?)
ON CONFLICT (name, day) DO UPDATE SET used = max(0, used + excluded.used);
