"""Windows (窗口): when which service is offered where, who booked it, who waits, and who works at which counter."""
