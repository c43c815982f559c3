"""The compiler, archiver and linker in front of the real ones: invocations, phases, capture."""
