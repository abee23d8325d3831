UPDATE version SET number = number + 1 RETURNING number;
