"""Tests of the heap that both sides can run (c_runtime/heap/)."""
