UPDATE lease SET epoch = epoch + 1, owner = ?, lease_until = ? WHERE epoch = ?;
