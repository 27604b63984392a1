"""How a tenant's enforcer is set up, deployed and removed: one file, one command."""
