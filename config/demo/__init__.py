"""The whole loop, as its users go through it: over the HTTP API, with wallets of their own."""
