"""libclang passes over preprocessed translation units: sites, scouting edits, markers."""
