UPDATE lease SET lease_until = ?, batches = ?, checksum = ? WHERE epoch = ?;
