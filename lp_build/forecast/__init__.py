"""Which share of the traced requests will finish in Elite, and what stops the others."""
