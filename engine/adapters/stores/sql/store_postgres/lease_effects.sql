UPDATE mailray.workflow_effects SET lease_until = %(until)s
WHERE tenant = %(tenant)s AND name = ANY(%(names)s::text[]);
