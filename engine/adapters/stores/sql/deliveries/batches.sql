SELECT partition FROM batch WHERE run = ? AND partition BETWEEN ? AND ?;
