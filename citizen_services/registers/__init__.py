"""Registers: what cases result in — residence registrations and permits."""
