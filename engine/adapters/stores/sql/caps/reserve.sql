INSERT INTO reservation (key, recipient, at, holder) VALUES (?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET at = excluded.at, holder = excluded.holder;
