SELECT epoch, owner, lease_until FROM lease;
