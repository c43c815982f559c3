"""One compile, two projections: compiler output rewritten as Fallback and Elite assembly."""
