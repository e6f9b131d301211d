"""Durable facts: one file for each kind of thing that is kept, and the database behind them."""
