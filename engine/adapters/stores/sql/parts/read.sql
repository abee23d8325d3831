SELECT version FROM mailray.part WHERE name = %(name)s;
