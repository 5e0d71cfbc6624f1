"""Generations in production: ship, sign off, freeze, roll back, deploy."""
