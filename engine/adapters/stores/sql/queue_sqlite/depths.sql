SELECT priority, items FROM depth;
