SELECT definition FROM mailray.workflow_definitions
WHERE tenant = %(tenant)s AND workflow = %(workflow)s AND version = %(version)s;
