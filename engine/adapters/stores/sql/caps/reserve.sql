INSERT INTO reservation (key, holder, recipient, at, open) VALUES (?, ?, ?, ?, 1)
ON CONFLICT (key, holder) DO UPDATE SET at = excluded.at, open = 1;
