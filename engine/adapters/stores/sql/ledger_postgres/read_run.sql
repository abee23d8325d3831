SELECT id FROM mailray.run WHERE name = %(name)s
