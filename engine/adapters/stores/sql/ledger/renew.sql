UPDATE lease SET lease_until = ? WHERE epoch = ?;
