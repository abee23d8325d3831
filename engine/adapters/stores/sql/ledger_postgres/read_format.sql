SELECT version FROM mailray.format
