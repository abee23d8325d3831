SELECT partition FROM batch WHERE run = ?;
