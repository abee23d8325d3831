SELECT priority, items FROM depth WHERE tenant = ?;
