INSERT INTO mailray.run (name) VALUES (%(name)s) ON CONFLICT (name) DO NOTHING
