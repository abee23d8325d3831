SELECT used FROM allowance WHERE name = ? AND day = ?;
