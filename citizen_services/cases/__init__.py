"""Cases: one application in progress, its chained events, and the engine that alone moves it."""
