SELECT value FROM mailray.workflow_marks WHERE tenant = %(tenant)s AND name = %(name)s;
