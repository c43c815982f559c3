"""From traces to the manifest: classes of equal paths, greedily merged."""
