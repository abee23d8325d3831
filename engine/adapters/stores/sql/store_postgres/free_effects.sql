UPDATE mailray.workflow_effects SET lease_until = 0
WHERE tenant = %(tenant)s AND NOT settled AND lease_until > 0 AND lease_until <= %(until)s;
