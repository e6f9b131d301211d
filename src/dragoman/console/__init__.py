"""The management API: keys, teams, the ledger."""
