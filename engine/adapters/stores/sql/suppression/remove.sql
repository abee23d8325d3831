UPDATE suppression SET active = 0, version = ? WHERE tenant = ? AND address = ? AND list = ? AND active = 1;
