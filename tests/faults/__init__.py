"""Faults: processes killed, servers frozen and restarted, partners slow, broken or cut off; what holds all the same."""
