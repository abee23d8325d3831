SELECT records FROM batch ORDER BY number;
