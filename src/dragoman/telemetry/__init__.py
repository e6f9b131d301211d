"""What the gateway tells its operator: logs, with every secret taken out."""
