SELECT records, texts, checksum FROM batch ORDER BY number;
