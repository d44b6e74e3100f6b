"""The rules: pure functions about numbers, names, days and channel limits.

Nothing here reads a clock, a database or the network. What depends on "today" takes it as an argument; the only files
read are the packaged holiday tables in `calendars/`. Whatever a person typed wrongly is answered by a `RuleError` that
carries the Chinese sentence telling them what to do.
"""
