"""Rules that the tree itself keeps."""
