SELECT key FROM reservation WHERE holder = ? AND open;
