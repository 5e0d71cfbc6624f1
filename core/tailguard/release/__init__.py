"""Generations in production: ship, freeze, roll back, deploy."""
