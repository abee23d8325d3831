SELECT entries, checksum FROM batch ORDER BY number;
