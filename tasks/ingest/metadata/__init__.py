"""Metadata: what the path, a sidecar or a joined file says of an image, besides the image itself."""
